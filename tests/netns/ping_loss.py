#!/usr/bin/env python3
"""Judges what `ping -D -O` printed: exit 0 only if no reply is missing and none came twice.

    ping_loss.py FILE            no loss, no duplicate, and at least one reply
    ping_loss.py FILE --after T  prints when the first reply after UNIX time T arrived, in seconds since T

A ping that was interrupted has requests on their way; what is missing at the very end, up to 0.1 s, is
not a loss.
"""
import re
import sys

REPLY = re.compile(r"^\[(\d+\.\d+)\] .*bytes from .*icmp_seq=(\d+)")
SUMMARY = re.compile(r"(\d+) packets transmitted")
TAIL_SECONDS = 0.1


def replies(path):
    """(arrival time, sequence number) of every reply; sequence numbers unwrapped from 16 bits."""
    seen, high = [], 0
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = REPLY.match(line)
            if match:
                sequence = int(match[2]) + (high & ~0xFFFF)
                if sequence < high - 0x8000:
                    sequence += 0x10000
                high = max(high, sequence)
                seen.append((float(match[1]), sequence))
    return seen


def judge(path):
    seen = replies(path)
    if not seen:
        return "no reply at all"
    sequences = [s for _, s in seen]
    last = max(sequences)
    missing = sorted(set(range(1, last + 1)) - set(sequences))
    if missing:
        return f"{len(missing)} of {last} lost, first icmp_seq={missing[0]}, last {missing[-1]}"
    if len(sequences) != len(set(sequences)):
        return f"{len(sequences) - len(set(sequences))} duplicates"
    with open(path, encoding="utf-8", errors="replace") as text:
        summary = SUMMARY.search(text.read())
    if summary:
        interval = (seen[-1][0] - seen[0][0]) / max(1, last - 1)
        unanswered = int(summary[1]) - last
        if unanswered > max(1, TAIL_SECONDS / max(interval, 0.001)):
            return f"the last {unanswered} of {summary[1]} lost"
    print(f"{last} replies, none lost")
    return None


def main():
    if len(sys.argv) == 4 and sys.argv[2] == "--after":
        since = float(sys.argv[3])
        later = [t for t, _ in replies(sys.argv[1]) if t >= since]
        if not later:
            sys.exit("no reply after that")
        print(f"{later[0] - since:.3f}")
        return
    problem = judge(sys.argv[1])
    if problem:
        sys.exit(f"{sys.argv[1]}: {problem}")


main()
