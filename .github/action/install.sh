#!/usr/bin/env bash
# Installs the locks that LIFTGATE_EXTRAS names, and this checkout beside them, into an environment outside the workspace.
set -euo pipefail

action=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
home=$(mktemp -d "${RUNNER_TEMP:?}/liftgate-XXXXXXXX")
report=$home/report
mkdir "$report"
echo "report-path=$report" >> "$GITHUB_OUTPUT"

locks=(--requirements "$action/requirements/core.txt")
torch=no
IFS=', ' read -r -a extras <<< "${LIFTGATE_EXTRAS:-}"
for extra in "${extras[@]}"; do
    case $extra in
        "") ;;
        github | openai | aws) locks+=(--requirements "$action/requirements/$extra.txt") ;;
        local) locks+=(--requirements "$action/requirements/local.txt") && torch=yes ;;
        *)
            echo "::error title=liftgate::extras names a lock that does not exist; it takes github, openai, aws and local"
            exit 2
            ;;
    esac
done

export UV_NO_PROGRESS=1 UV_LINK_MODE="${UV_LINK_MODE:-hardlink}" VIRTUAL_ENV=$home/venv
uv venv --quiet --no-project --python "${LIFTGATE_PYTHON:->=3.11}" "$VIRTUAL_ENV"
uv pip install --quiet --require-hashes --no-deps --no-build "${locks[@]}"
if [ $torch = yes ]; then
    # The build of torch that fits differs between machines (UV_TORCH_BACKEND, UV_FIND_LINKS), and it pins its own
    # CUDA libraries; all else that it needs is here already, by hash.
    uv pip install --quiet --no-build --requirements "$action/requirements/torch.txt"
fi

# The package is this checkout itself: nothing is built, so no build system has to be trusted or fetched.
site=$("$VIRTUAL_ENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$action/src" > "$site/liftgate.pth"
cat > "$VIRTUAL_ENV/bin/liftgate" << LAUNCHER
#!/bin/sh
exec "$VIRTUAL_ENV/bin/python" -P -m liftgate "\$@"
LAUNCHER
chmod +x "$VIRTUAL_ENV/bin/liftgate"
echo "bin=$VIRTUAL_ENV/bin" >> "$GITHUB_OUTPUT"
