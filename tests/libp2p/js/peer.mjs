// A js-libp2p peer as the tests need it, and streams made easy.
import './node20.mjs'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createLibp2p } from 'libp2p'
import { tcp } from '@libp2p/tcp'
import { noise } from '@libp2p/noise'
import { yamux } from '@libp2p/yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { circuitRelayTransport, circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { generateKeyPair } from '@libp2p/crypto/keys'

export const ECHO = '/echo/1.0.0'
export const PERF = '/perf/1.0.0'
export const KEY_TYPES = ['Ed25519', 'secp256k1', 'RSA']

export const newKey = type => type === 'RSA' ? generateKeyPair('RSA', 2048) : generateKeyPair(type)

// options: privateKey, listen, relay (be one), relayed (use some), encrypters, muxers, monitor
export async function startPeer (options = {}) {
  const services = { identify: identify({ runOnLimitedConnection: true }),
                     ping: ping({ runOnLimitedConnection: true }) }
  if (options.relay != null) services.relay = circuitRelayServer(options.relay)
  const peer = await createLibp2p({
    privateKey: options.privateKey ?? await newKey('Ed25519'),
    addresses: { listen: options.listen ?? [] },
    transports: [tcp(), ...(options.relayed ? [circuitRelayTransport()] : [])],
    connectionEncrypters: options.encrypters ?? [noise()],
    streamMuxers: options.muxers ?? [yamux()],
    // Tests come from one address, and many at a time.
    connectionManager: { inboundConnectionThreshold: 1000 },
    connectionMonitor: options.monitor ?? {},
    services
  })
  await serveEcho(peer)
  await servePerf(peer)
  return peer
}

const served = { maxInboundStreams: 1024, maxOutboundStreams: 1024, runOnLimitedConnection: true }

// Writes one chunk, and waits where the other side does not take more.
export async function send (stream, chunk) {
  if (!stream.send(chunk)) await stream.onDrain()
}

async function serveEcho (peer) {
  await peer.handle(ECHO, async stream => {
    try {
      for await (const chunk of stream) await send(stream, chunk)
      await stream.close()
    } catch (error) { stream.abort(error) }
  }, served)
}

// 8 bytes, big-endian: how much to send back once the other side has sent what it likes.
async function servePerf (peer) {
  await peer.handle(PERF, async stream => {
    try {
      let head = Buffer.alloc(0)
      for await (const chunk of stream) {
        if (head.length < 8) head = Buffer.concat([head, chunk.subarray()])
      }
      const block = new Uint8Array(65536)
      for (let left = Number(head.readBigUInt64BE(0)); left > 0; left -= block.length) {
        await send(stream, left < block.length ? block.subarray(0, left) : block)
      }
      await stream.close()
    } catch (error) { stream.abort(error) }
  }, served)
}

export const open = (peer, address, protocol = ECHO) =>
  peer.dialProtocol(address, protocol, { runOnLimitedConnection: true })

// Sends `size` bytes and reads them back; the hashes of both.
export async function echo (stream, size) {
  const sent = createHash('sha256')
  const received = createHash('sha256')
  let count = 0
  const reading = (async () => {
    for await (const chunk of stream) {
      for (const part of [chunk.subarray()]) { received.update(part); count += part.length }
    }
  })()
  const block = Buffer.alloc(Math.min(size, 65536))
  for (let i = 0; i < block.length; i++) block[i] = (i * 131) ^ (i >> 8)
  for (let at = 0; at < size; at += block.length) {
    if (block.length >= 8) block.writeBigUInt64LE(BigInt(at))
    const part = Buffer.from(block.subarray(0, Math.min(block.length, size - at)))
    sent.update(part)
    await send(stream, part)
  }
  await stream.close()
  await reading
  return { count, sent: sent.digest('hex'), received: received.digest('hex') }
}

// Uploads and downloads zeros; seconds of each.
export async function perf (stream, upload, download) {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(BigInt(download))
  const began = performance.now()
  await send(stream, head)
  const block = new Uint8Array(65536)
  for (let left = upload; left > 0; left -= block.length) {
    await send(stream, left < block.length ? block.subarray(0, left) : block)
  }
  await stream.close()
  const uploaded = performance.now()
  let received = 0
  for await (const chunk of stream) received += chunk.byteLength
  return { received, upload: (uploaded - began) / 1e3, download: (performance.now() - uploaded) / 1e3 }
}

export async function closed (stream) {
  if (stream.status === 'open' || stream.status === 'closing') await once(stream, 'close')
}
