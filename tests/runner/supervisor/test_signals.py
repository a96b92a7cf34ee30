"""Signals that stop a run."""

import os
import signal

from runner.supervisor.signals import stops


def test_a_hang_up_stops_a_run_unless_it_is_ignored() -> None:
    with stops() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.signal == signal.SIGHUP and not stop.at_once
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stops() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
