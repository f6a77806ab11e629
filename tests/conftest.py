"""What all tests need of the process that runs them."""

import signal

# What a shell starts in its background ignores Ctrl-C, and Python leaves it so: tests of Ctrl-C need it heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
