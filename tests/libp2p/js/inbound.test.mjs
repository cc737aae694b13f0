// js-libp2p dials noisegate.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { echo, KEY_TYPES, newKey, open, perf, PERF, send, startPeer } from './peer.mjs'
import { keyFile, listen } from './noisegate.mjs'

let gate, peer
before(async () => {
  gate = await listen()
  peer = await startPeer()
})
after(async () => {
  await peer.stop()
  await gate.stop()
})

test('identify tells who noisegate is, with a signed record and the observed address', async () => {
  const identified = new Promise(resolve =>
    peer.addEventListener('peer:identify', event => resolve(event.detail), { once: true }))
  const connection = await peer.dial(gate.address)
  const told = await identified
  assert.equal(told.peerId.toString(), gate.address.toString().split('/').pop())
  assert.match(told.agentVersion, /^noisegate\//)
  for (const protocol of ['/ipfs/ping/1.0.0', '/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/echo/1.0.0',
    '/perf/1.0.0']) assert.ok(told.protocols.includes(protocol), protocol)
  assert.ok(!told.protocols.some(protocol => protocol.includes('/circuit/')), 'no open relay')
  assert.ok(told.signedPeerRecord != null)
  assert.match(told.observedAddr.toString(), /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/)
  assert.equal(told.listenAddrs[0].toString(), gate.address.toString().replace(/\/p2p\/.*/, ''))
  assert.equal(connection.multiplexer, '/yamux/1.0.0')
})

test('ping', async () => {
  for (let i = 0; i < 5; i++) assert.ok(await peer.services.ping.ping(gate.address) >= 0)
})

for (const size of [1, 1024, 65519, 65520, 262144, 262145, 1 << 20, 16 << 20]) {
  test(`echo of ${size} bytes`, async () => {
    const result = await echo(await open(peer, gate.address), size)
    assert.equal(result.count, size)
    assert.equal(result.received, result.sent)
  })
}

test('256 MiB each way', async () => {
  const result = await echo(await open(peer, gate.address), 256 << 20)
  assert.equal(result.count, 256 << 20)
  assert.equal(result.received, result.sent)
})

test('perf in both directions', async () => {
  const result = await perf(await open(peer, gate.address, PERF), 8 << 20, 16 << 20)
  assert.equal(result.received, 16 << 20)
})

test('200 streams at once, while pings are answered', async () => {
  const streams = await Promise.all(Array.from({ length: 200 }, () => open(peer, gate.address)))
  const pings = (async () => {
    for (let i = 0; i < 5; i++) await peer.services.ping.ping(gate.address)
  })()
  const results = await Promise.all(streams.map((stream, i) => echo(stream, 1000 + 997 * i)))
  results.forEach((result, i) => {
    assert.equal(result.count, 1000 + 997 * i)
    assert.equal(result.received, result.sent)
  })
  await pings
})

test('half-close: what comes after our end still arrives', async () => {
  const stream = await open(peer, gate.address)
  const chunks = []
  await send(stream, Buffer.from('the last words'))
  await stream.close()
  for await (const chunk of stream) chunks.push(Buffer.from(chunk.subarray()))
  assert.equal(Buffer.concat(chunks).toString(), 'the last words')
})

test('a reset stream leaves the connection and its other streams alone', async () => {
  const other = await open(peer, gate.address)
  for (let i = 0; i < 20; i++) {
    const stream = await open(peer, gate.address)
    await send(stream, new Uint8Array(100000))
    stream.abort(new Error('on purpose'))
  }
  const result = await echo(other, 300000)
  assert.equal(result.received, result.sent)
})

test('a protocol that nobody speaks is refused, and the connection goes on', async () => {
  await assert.rejects(open(peer, gate.address, '/no/such/1.0.0'), /protocol|na/i)
  assert.ok(await peer.services.ping.ping(gate.address) >= 0)
})

test('an idle connection is kept by both sides\' keep-alives', async () => {
  const quick = await listen(['--keep-alive', '200ms'])
  const idle = await startPeer({
    monitor: { pingInterval: 300 },
    muxers: [(await import('@libp2p/yamux')).yamux({ keepAliveInterval: 250 })]
  })
  const connection = await idle.dial(quick.address)
  await new Promise(resolve => setTimeout(resolve, 4000))
  assert.equal(connection.status, 'open')
  const result = await echo(await open(idle, quick.address), 1000)
  assert.equal(result.received, result.sent)
  await idle.stop()
  await quick.stop()
})

for (const type of KEY_TYPES) {
  test(`a peer with an ${type} key`, async () => {
    const other = await startPeer({ privateKey: await newKey(type) })
    const result = await echo(await open(other, gate.address), 5000)
    assert.equal(result.received, result.sent)
    await other.stop()
  })
}

for (const type of ['ed25519', 'secp256k1', 'rsa2048']) {
  test(`noisegate with an ${type} key`, async () => {
    const keyed = await listen(['--key', await keyFile(type)])
    const result = await echo(await open(peer, keyed.address), 5000)
    assert.equal(result.received, result.sent)
    await keyed.stop()
  })
}

test('IPv6', async t => {
  let six
  try { six = await listen(['/ip6/::1/tcp/0']) } catch (error) {
    if (/address|Address/.test(error.message)) return t.skip('no IPv6 here')
    throw error
  }
  const result = await echo(await open(peer, six.address), 5000)
  assert.equal(result.received, result.sent)
  await six.stop()
})

test('the wrong peer id is found out by js', async () => {
  const wrong = await startPeer()
  const address = gate.address.toString().replace(/\/p2p\/.*/, '/p2p/' + wrong.peerId.toString())
  await assert.rejects(peer.dial((await import('@multiformats/multiaddr')).multiaddr(address)))
  await wrong.stop()
})
