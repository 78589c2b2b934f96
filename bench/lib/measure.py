"""CPU time of a program, and how busy the machine was besides."""

import os


def _family(pid):
    """It and its descendants."""
    found = [pid]
    for own in found:
        try:
            for task in os.listdir(f"/proc/{own}/task"):
                with open(f"/proc/{own}/task/{task}/children", encoding="ascii") as file:
                    found += map(int, file.read().split())
        except OSError:
            continue
    return found


def cpu_ns(pid):
    """What all its threads have had of the processors, in ns (schedstat's first field)."""
    total = 0
    for own in _family(pid):
        try:
            tasks = os.listdir(f"/proc/{own}/task")
        except OSError:
            continue
        for task in tasks:
            try:
                with open(f"/proc/{own}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
            except FileNotFoundError:
                continue  # a thread that has ended
    return total


def spent_us(running, work):
    """(CPU time of the rival in us, what work() gave)."""
    before = cpu_ns(running.pid) if running.pid else 0
    result = work()
    after = cpu_ns(running.pid) if running.pid else 0
    return (after - before) / 1000, result


class Machine:
    """What it is, and what else it did between begin and end."""

    def __init__(self):
        self.load_before = os.getloadavg()[0]
        self._before = self._ticks()

    @staticmethod
    def _ticks():
        with open("/proc/stat", encoding="ascii") as file:
            return list(map(int, file.readline().split()[1:9]))

    @staticmethod
    def _model():
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
        return "unknown"

    def described(self):
        """For the JSON and the table's head."""
        ticks = [after - before for after, before in zip(self._ticks(), self._before)]
        return {"processor": self._model(), "processors": os.cpu_count(),
                "kernel": os.uname().release,  # pylint: disable=no-member
                "load_before": self.load_before, "load_after": os.getloadavg()[0],
                "stolen_percent": 100 * ticks[7] / max(1, sum(ticks))}
