"""Runs in LiteLLM's own environment: loads a configuration as its proxy does, and says what became of it.

`python litellm_driver.py CONFIG ALIAS DRAWS CALLS` → one JSON object on the last line of stdout.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any

from litellm.proxy.proxy_server import ProxyConfig


async def main(config: str, alias: str, draws: int, calls: int) -> dict[str, Any]:
    router, _, _ = await ProxyConfig().load_config(router=None, config_file_path=config)
    random.seed(20261126)
    drawn = Counter(router.get_available_deployment(alias)["model_info"]["id"] for _ in range(draws))
    answers: Counter[str] = Counter()
    for number in range(calls):
        reply = await router.acompletion(alias, messages=[{"role": "user", "content": f"request {number}"}])
        answers[str(reply.choices[0].message.content)] += 1
    # Copies go out in the background; nothing is left to do once they are done.
    for _ in range(200):
        if len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.05)
    return {
        "models": [each["model_name"] for each in router.model_list],
        "strategy": router.routing_strategy,
        "fallbacks": router.fallbacks,
        "keys": sorted({str(each["litellm_params"].get("api_key")) for each in router.model_list}),
        "drawn": drawn,
        "answers": answers,
    }


if __name__ == "__main__":
    config_path, served_alias, wanted_draws, wanted_calls = sys.argv[1:]
    result = asyncio.run(main(config_path, served_alias, int(wanted_draws), int(wanted_calls)))
    sys.stdout.write("\n" + json.dumps(result) + "\n")
