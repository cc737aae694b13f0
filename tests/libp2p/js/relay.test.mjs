// Circuit Relay v2: js-libp2p peers through noisegate, and noisegate through a js-libp2p relay.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { echo, newKey, open, send, startPeer } from './peer.mjs'
import { dial, listen } from './noisegate.mjs'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'

const peers = []
after(async () => { await Promise.all(peers.map(peer => peer.stop())) })

async function client (options = {}) {
  const peer = await startPeer({ relayed: true, ...options })
  peers.push(peer)
  return peer
}

// A peer that holds a place at the relay.
async function reserved (relay, options = {}) {
  const peer = await client({ listen: [`${relay}/p2p-circuit`], ...options })
  const began = Date.now()
  while (!peer.getMultiaddrs().some(address => address.toString().includes('/p2p-circuit'))) {
    if (Date.now() - began > 15000) throw new Error('no reservation')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return peer
}

const through = (relay, peer) => multiaddr(`${relay}/p2p-circuit/p2p/${peer.peerId}`)

// One hop request by hand; the number that the relay answers with.
async function askHop (peer, relay, message) {
  const stream = await peer.dialProtocol(relay, '/libp2p/circuit/relay/0.2.0/hop',
    { runOnLimitedConnection: true })
  await send(stream, message)
  let answer = Buffer.alloc(0)
  for await (const chunk of stream) {
    answer = Buffer.concat([answer, chunk.subarray()])
    if (answer.length > 0 && answer.length > answer[0]) break
  }
  await stream.close().catch(() => {})
  // Field 5, the status, is the last: …28 64, or …28 XX XX.
  return answer.at(-2) === 0x28 ? answer.at(-1) : (answer.at(-1) << 7) | (answer.at(-2) & 0x7f)
}
const RESERVE = Buffer.from('020800', 'hex')

test('two js peers exchange 64 MiB through noisegate', async () => {
  const gate = await listen(['--relay', '--relay-bytes', '0', '--relay-duration', '0s'])
  const bob = await reserved(gate.address)
  const alice = await client()
  const result = await echo(await open(alice, through(gate.address, bob)), 64 << 20)
  assert.equal(result.count, 64 << 20)
  assert.equal(result.received, result.sent)
  assert.ok(alice.getConnections(bob.peerId).every(
    connection => connection.remoteAddr.toString().includes('/p2p-circuit')))
  await gate.stop()
})

test('a circuit is cut at its bytes', async () => {
  const gate = await listen(['--relay', '--relay-bytes', 65536])
  const bob = await reserved(gate.address)
  const alice = await client()
  const stream = await open(alice, through(gate.address, bob))
  await assert.rejects(async () => {
    const result = await echo(stream, 200000)
    assert.equal(result.count, 200000)
  })
  await gate.stop()
})

test('a circuit is cut at its time', async () => {
  const gate = await listen(['--relay', '--relay-duration', '1s', '--relay-bytes', 0])
  const bob = await reserved(gate.address)
  const alice = await client()
  await open(alice, through(gate.address, bob))
  const [connection] = alice.getConnections(bob.peerId)
  assert.equal(connection.limits?.seconds, 1)
  const began = Date.now()
  await new Promise(resolve => connection.addEventListener('close', resolve, { once: true }))
  assert.ok(Date.now() - began < 5000)
  await gate.stop()
})

test('refusals carry the right status', async () => {
  const key = await newKey('Ed25519')
  const gate = await listen(['--relay', '--relay-reservations', 1, '--relay-deny',
    peerIdFromPrivateKey(key).toString()])
  const bob = await reserved(gate.address)
  const denied = await client({ privateKey: key })
  assert.equal(await askHop(denied, gate.address, RESERVE), 202)
  const late = await client()
  assert.equal(await askHop(late, gate.address, RESERVE), 200)
  // Nobody there: 204.
  const id = late.peerId.toMultihash().bytes
  const connect = Buffer.concat([Buffer.from([0x08, 0x01, 0x12, id.length + 2, 0x0a, id.length]), id])
  const alice = await client()
  assert.equal(await askHop(alice, gate.address,
    Buffer.concat([Buffer.from([connect.length]), connect])), 204)
  assert.equal(await askHop(alice, gate.address, Buffer.from([2, 0xff, 0xff])), 400)
  assert.equal(await askHop(alice, gate.address, Buffer.from([5, 0x08, 0x02, 0x28, 0xc8, 0x01])), 401)
  // Whoever goes gives the place back.
  await bob.stop()
  peers.splice(peers.indexOf(bob), 1)
  let status
  for (let i = 0; i < 100 && status !== 100; i++) {
    await new Promise(resolve => setTimeout(resolve, 20))
    status = await askHop(late, gate.address, RESERVE)
  }
  assert.equal(status, 100)
  await gate.stop()
})

test('noisegate behind a js relay is dialled by js', async () => {
  const relay = await startPeer({
    listen: ['/ip4/127.0.0.1/tcp/0'],
    relay: { reservations: { applyDefaultLimit: false } }
  })
  peers.push(relay)
  const at = relay.getMultiaddrs()[0]
  const gate = await listen([`${at}/p2p-circuit`])
  const alice = await client()
  const result = await echo(await open(alice, gate.address), 1 << 20)
  assert.equal(result.received, result.sent)
  await gate.stop()
})

test('noisegate dials a js peer through a js relay', async () => {
  const relay = await startPeer({
    listen: ['/ip4/127.0.0.1/tcp/0'],
    relay: { reservations: { applyDefaultLimit: false } }
  })
  peers.push(relay)
  const bob = await reserved(relay.getMultiaddrs()[0])
  const result = await dial(through(relay.getMultiaddrs()[0], bob), 'echo', '--size', 1 << 20)
  assert.equal(result.code, 0, result.errors)
  assert.match(result.output, /^relay /m)
})

test('three noisegates: one listens behind one and is dialled by the third', async () => {
  const gate = await listen(['--relay', '--relay-bytes', 0])
  const behind = await listen([`${gate.address}/p2p-circuit`])
  const result = await dial(behind.address, 'echo', '--size', 4 << 20)
  assert.equal(result.code, 0, result.errors)
  await behind.stop()
  await gate.stop()
})

test('nobody reserves over a relayed connection', async () => {
  const gate = await listen(['--relay', '--relay-bytes', 0])
  const inner = await listen([`${gate.address}/p2p-circuit`, '--relay'])
  const alice = await client()
  await open(alice, inner.address)
  assert.equal(await askHop(alice, inner.address, RESERVE), 202)
  await inner.stop()
  await gate.stop()
})
