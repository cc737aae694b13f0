#!/usr/bin/env python3
"""Sends hostile Noise Swarm datagrams with forged sources, as whole Ethernet frames, at a steady rate.

    attack.py KIND --interface wan0 --mac 02:… --to 198.51.100.1:4242 --from 198.51.100.2:4242

KIND is one of those in KINDS below; `replay` sends what --capture (a pcap file of tcpdump) holds for
--to. `--from any` makes up strangers. Frames are built beforehand, so that sending one costs a system
call and nothing else. Prints {"sent": N, "seconds": S, …}; exit 1 where it took twice the time to send them. Takes
no part in the protocol and knows no key.
"""
import argparse
import ipaddress
import json
import random
import socket
import struct
import sys
import time

CLOSE = 0x7FFFFFFF
RESPONDER = 0x80000000  # direction bit: responder to initiator
ETH_IPV4, ETH_IPV6 = 0x0800, 0x86DD
UDP = 17
FRAMES = 1024  # distinct frames of each kind; sent again and again


class Endpoint:
    def __init__(self, text):
        address, _, port = text.rpartition(":")
        self.ip = ipaddress.ip_address(address.strip("[]"))
        self.port = int(port)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(source, target, payload, length=None):
    """A UDP datagram; `length` is what its header claims, where it lies."""
    claimed = 8 + len(payload) if length is None else length
    body = struct.pack("!HHHH", source.port, target.port, claimed, 0) + payload
    pseudo = source.ip.packed + target.ip.packed
    pseudo += struct.pack("!IHBB", len(body), 0, 0, UDP) if target.ip.version == 6 \
        else struct.pack("!BBH", 0, UDP, len(body))
    return body[:6] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[8:]


def ip(source, target, body, length=None, fragment=0):
    """An IP packet; `length` as above; `fragment` is IPv4's flags and offset word."""
    claimed = len(body) if length is None else length
    if target.ip.version == 6:
        return struct.pack("!IHBB", 6 << 28, claimed & 0xFFFF, UDP, 64) + source.ip.packed + \
            target.ip.packed + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, (20 + claimed) & 0xFFFF, random.getrandbits(16),
                       fragment, 64, UDP, 0) + source.ip.packed + target.ip.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def fragments(source, target, payload):
    """One datagram as the fragments that fit 1,500 bytes."""
    body = udp(source, target, payload)
    pieces = []
    step = 1440
    for offset in range(0, len(body), step):
        piece, more = body[offset:offset + step], offset + step < len(body)
        if target.ip.version == 6:
            extension = struct.pack("!BBHI", UDP, 0, offset | int(more), 0x6E6F6973)
            packet = bytearray(ip(source, target, extension + piece))
            packet[6] = 44  # next header: fragment
            pieces.append(bytes(packet))
        else:
            pieces.append(ip(source, target, piece, fragment=(0x2000 if more else 0) | offset // 8))
    return pieces


def header(direction, counter):
    return struct.pack("!I", direction | counter)


def either():
    return random.choice((0, RESPONDER))


# --- kinds: each gives the IP packets of one datagram -------------------------------------------------

def bare_nack(source, target):
    return [ip(source, target, udp(source, target, header(either(), CLOSE)))]


def init(source, target):
    return [ip(source, target, udp(source, target, header(0, 0) + random.randbytes(32)))]


def handshake(source, target):
    """Counters 0 to 3 in both directions, with bodies as long as real ones."""
    counter = random.randrange(4)
    size = (32, 48, 128, 128)[counter]
    return [ip(source, target, udp(source, target, header(either(), counter) + random.randbytes(size)))]


def message(source, target):
    """A message that could be real, but for its tag."""
    body = header(either(), random.randrange(4, 4000)) + random.randbytes(random.randrange(16, 1400))
    return [ip(source, target, udp(source, target, body))]


def noise(source, target):
    """Random bytes from the first on."""
    return [ip(source, target, udp(source, target, random.randbytes(random.randrange(0, 1472))))]


def truncated(source, target):
    body = (header(either(), random.randrange(4, 4000)) + random.randbytes(15))[:random.randrange(20)]
    return [ip(source, target, udp(source, target, body))]


def lying(source, target):
    """Lengths in the IP or UDP header that the frame does not hold."""
    payload = header(either(), 9) + random.randbytes(200)
    if random.getrandbits(1):
        return [ip(source, target, udp(source, target, payload, length=8 + len(payload) + 300))]
    body = udp(source, target, payload)
    return [ip(source, target, body, length=len(body) + 300)]


def oversized(source, target):
    return fragments(source, target, header(either(), 9) + random.randbytes(8000))


KINDS = {kind.__name__.replace("_", "-"): kind
         for kind in (bare_nack, init, handshake, message, noise, truncated, lying, oversized)}


def stranger(like):
    """An address from the documentation ranges that nobody configured."""
    ranges = "203.0.113.0/24" if like.ip.version == 4 else "2001:db8:ffff::/48"
    network = ipaddress.ip_network(ranges)
    address = network[random.randrange(1, min(network.num_addresses, 1 << 32) - 1)]
    return Endpoint(f"{address}:{random.randrange(1024, 65536)}")


# --- replay --------------------------------------------------------------------------------------

def captured(path, target):
    """The IP packets of a pcap file (Ethernet) that are UDP to `target`."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    packets, at = [], 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        packet = frame[14:]
        if frame[12:14] == struct.pack("!H", ETH_IPV4) and packet[9] == UDP:
            destination, transport = packet[16:20], packet[(packet[0] & 15) * 4:]
        elif frame[12:14] == struct.pack("!H", ETH_IPV6) and packet[6] == UDP:
            destination, transport = packet[24:40], packet[40:]
        else:
            continue
        if destination == target.ip.packed and transport[2:4] == struct.pack("!H", target.port):
            packets.append(packet)
    return packets


# --- sending -------------------------------------------------------------------------------------

def send(interface, frames, rate, seconds):
    """Frames in turn, `rate` a second, in bursts of a millisecond's worth. (sent, seconds taken)"""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    raw.bind((interface, 0))
    total, sent, refused = int(rate * seconds), 0, 0
    start = time.monotonic()
    while sent < total:
        due = min(total, int((time.monotonic() - start) * rate) + 1)
        while sent < due:
            try:
                raw.send(frames[sent % len(frames)])
            except OSError:  # no buffer: wait, and count it as not sent in time
                refused += 1
                time.sleep(0.001)
                continue
            sent += 1
        time.sleep(0.001)
    return sent, time.monotonic() - start, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=[*KINDS, "replay"])
    parser.add_argument("--interface", required=True)
    parser.add_argument("--mac", required=True, help="of the gateway attacked")
    parser.add_argument("--to", required=True, type=Endpoint)
    parser.add_argument("--from", dest="source", default="any", help="ip:port, or any")
    parser.add_argument("--capture", help="pcap file, for replay")
    parser.add_argument("--rate", type=float, default=10_000, help="packets a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    random.seed(args.seed)
    if args.kind == "replay":
        packets = captured(args.capture, args.to)
        if not packets:
            sys.exit(f"{args.capture} holds nothing for that endpoint")
    else:
        packets = []
        while len(packets) < FRAMES:
            source = stranger(args.to) if args.source == "any" else Endpoint(args.source)
            packets += KINDS[args.kind](source, args.to)

    with open(f"/sys/class/net/{args.interface}/address", encoding="ascii") as file:
        own = bytes.fromhex(file.read().strip().replace(":", ""))
    kind = ETH_IPV6 if args.to.ip.version == 6 else ETH_IPV4
    ethernet = bytes.fromhex(args.mac.replace(":", "")) + own + struct.pack("!H", kind)
    sent, seconds, refused = send(args.interface, [ethernet + p for p in packets], args.rate,
                                  args.seconds)
    print(json.dumps({"kind": args.kind, "sent": sent, "seconds": round(seconds, 2),
                      "refused": refused, "distinct": len(packets)}))
    if seconds > args.seconds * 2:
        sys.exit(f"only {sent / seconds:.0f} packets a second: this machine is too busy")


main()
