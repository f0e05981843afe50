"""``python -m seiskern`` is the command line."""

from seiskern.cli import main

raise SystemExit(main())
