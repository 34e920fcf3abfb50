"""`python -m liftgate` is the same program as `liftgate`."""

from liftgate.cli import main

raise SystemExit(main())
