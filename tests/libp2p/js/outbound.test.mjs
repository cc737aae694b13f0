// noisegate dials js-libp2p.
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { noise } from '@libp2p/noise'
import { yamux } from '@libp2p/yamux'
import { KEY_TYPES, newKey, startPeer } from './peer.mjs'
import { dial, keyFile } from './noisegate.mjs'

const LOCAL = ['/ip4/127.0.0.1/tcp/0']
const addressOf = peer => peer.getMultiaddrs()[0].toString()

let peer
before(async () => {
  // js resets what comes early, before its protocols are up, beyond ten streams.
  peer = await startPeer({ listen: LOCAL, muxers: [yamux({ maxEarlyStreams: 256 })] })
})
after(async () => { await peer.stop() })

async function works (...args) {
  const result = await dial(...args)
  assert.equal(result.code, 0, result.errors)
  return result.output
}

async function fails (pattern, ...args) {
  const result = await dial(...args)
  assert.equal(result.code, 1, result.output)
  assert.match(result.errors, pattern)
}

test('each phase is printed as it completes', async () => {
  const output = await works(addressOf(peer), 'ping')
  const phases = output.split('\n').map(line => line.split(/\s+/)[0])
  assert.deepEqual(phases.slice(0, 6),
    ['tcp', 'negotiation', 'handshake', 'muxer', 'stream', 'ping'])
  assert.ok(output.includes(peer.peerId.toString()))
  assert.match(output, /\/yamux\/1\.0\.0, agreed in the handshake/)
})

test('identify', async () => {
  const output = await works(addressOf(peer), 'id')
  assert.match(output, /^agent {8}js-libp2p/m)
  assert.match(output, /^speaks {7}\/ipfs\/ping\/1\.0\.0$/m)
  assert.match(output, /^sees us at {3}\/ip4\/127\.0\.0\.1\/tcp\/\d+\b/m)
})

for (const size of [1, 65519, 262145, 16 << 20, 256 << 20]) {
  test(`echo of ${size} bytes`, async () => {
    await works(addressOf(peer), 'echo', '--size', size)
  })
}

test('200 streams at once', async () => {
  await works(addressOf(peer), 'echo', '--size', 20000, '--streams', 200)
})

test('perf', async () => {
  await works(addressOf(peer), 'perf', '--upload', 8 << 20, '--download', 8 << 20)
})

test('an idle connection is kept', async () => {
  await works(addressOf(peer), 'ping', '--hold', '3s', '--keep-alive', '200ms')
})

for (const type of KEY_TYPES) {
  test(`a peer with an ${type} key`, async () => {
    const other = await startPeer({ listen: LOCAL, privateKey: await newKey(type) })
    await works(addressOf(other), 'echo')
    await other.stop()
  })
}

for (const type of ['ed25519', 'secp256k1', 'rsa2048']) {
  test(`noisegate with an ${type} key`, async () => {
    await works(addressOf(peer), 'echo', '--key', await keyFile(type))
  })
}

test('the wrong peer id', async () => {
  const wrong = await startPeer()
  await fails(/handshake: .*expected .* found/,
    addressOf(peer).replace(/\/p2p\/.*/, '/p2p/' + wrong.peerId.toString()), 'ping')
  await wrong.stop()
})

test('a signature that is not the identity\'s', async () => {
  const forged = components => {
    const key = Object.assign(Object.create(components.privateKey), {
      publicKey: components.privateKey.publicKey, sign: async () => new Uint8Array(64)
    })
    return noise()(new Proxy(components, {
      get: (target, name) => name === 'privateKey' ? key : target[name]
    }))
  }
  const other = await startPeer({ listen: LOCAL, encrypters: [forged] })
  await fails(/handshake: .*sign/i, addressOf(other), 'ping')
  await other.stop()
})

test('no muxer in common', async () => {
  const foreign = () => Object.assign(yamux()({ logger: peer.logger ?? { forComponent: () => () => {} } }),
    { protocol: '/foreign/1.0.0' })
  const other = await startPeer({ listen: LOCAL, muxers: [foreign] })
  await fails(/handshake: .*mux/i, addressOf(other), 'ping')
  await other.stop()
})

// A proxy that turns one bit of what the peer sends over, `after` so many bytes.
async function corrupting (target, after) {
  const [, , host, , port] = target.split('/')
  const server = net.createServer(socket => {
    const onward = net.connect(Number(port), host)
    let seen = 0
    onward.on('data', chunk => {
      if (seen <= after && after < seen + chunk.length) chunk[after - seen] ^= 1
      seen += chunk.length
      socket.write(chunk)
    })
    socket.on('data', chunk => onward.write(chunk))
    for (const end of [socket, onward]) {
      end.on('error', () => {})
      end.on('close', () => { socket.destroy(); onward.destroy() })
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { server, address: target.replace(`/tcp/${port}`, `/tcp/${server.address().port}`) }
}

for (const [what, after, pattern] of [
  ['a corrupted negotiation', 3, /negotiation: /],
  ['a corrupted handshake', 100, /handshake: /],
  ['a corrupted frame', 3000, /does not open|tag|authentic/i]
]) {
  test(what, async () => {
    const proxy = await corrupting(addressOf(peer), after)
    await fails(pattern, proxy.address, 'echo', '--size', 100000)
    proxy.server.close()
  })
}

test('nobody listens', async () => {
  await fails(/connect: /, '/ip4/127.0.0.1/tcp/1', 'ping')
})

test('a peer that says nothing is given up on in time', async () => {
  const silent = net.createServer(socket => socket.on('error', () => {}))
  await new Promise(resolve => silent.listen(0, '127.0.0.1', resolve))
  await fails(/negotiation: not done within 500 ms/,
    `/ip4/127.0.0.1/tcp/${silent.address().port}`, 'ping', '--timeout', '500ms')
  silent.close()
})

test('a peer without the protocol', async () => {
  const bare = await startPeer({ listen: LOCAL })
  await bare.unhandle('/echo/1.0.0')
  await fails(/\/echo\/1\.0\.0/, addressOf(bare), 'echo')
  await bare.stop()
})
