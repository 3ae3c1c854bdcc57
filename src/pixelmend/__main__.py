"""``python -m pixelmend`` is the command ``pixelmend``."""

from pixelmend.cli import main

if __name__ == "__main__":
    main()
