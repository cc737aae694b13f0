// A js-libp2p peer as a process of its own, for libp2p_bench.mjs:
//
//   node libp2p_peer.mjs listen [RELAY]          prints LISTEN MULTIADDR, and serves echo and perf
//   node libp2p_peer.mjs relay                   the same, as a relay without limits
//   node libp2p_peer.mjs perf ADDR UP DOWN       prints {upload, download, cpu} in seconds
//   node libp2p_peer.mjs requests ADDR SIZE N    prints {p50, p99} in milliseconds
import { ECHO, open, PERF, perf, send, startPeer } from '../tests/libp2p/js/peer.mjs'
import { parse } from '../tests/libp2p/js/address.mjs'

const [what, address, first, second] = process.argv.slice(2)

async function listen (options) {
  const peer = await startPeer(options)
  const wanted = options.relayed ? '/p2p-circuit' : ''
  for (;;) {
    const found = peer.getMultiaddrs().find(at => at.toString().includes(wanted))
    if (found != null) return console.log(`LISTEN ${found}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function requests (stream, size, count) {
  const request = new Uint8Array(size).fill(120)
  const times = []
  let got = 0
  let answered
  const reading = (async () => {
    for await (const chunk of stream) {
      got += chunk.byteLength
      if (got >= size) { got -= size; answered() }
    }
  })()
  for (let i = 0; i < count; i++) {
    const answer = new Promise(resolve => { answered = resolve })
    const began = performance.now()
    await send(stream, request)
    await answer
    times.push(performance.now() - began)
  }
  await stream.close()
  await reading
  times.sort((a, b) => a - b)
  return { p50: times[count >> 1], p99: times[Math.floor(count * 0.99)] }
}

const LOCAL = ['/ip4/127.0.0.1/tcp/0']
if (what === 'listen') {
  await listen(address == null ? { listen: LOCAL } : { listen: [`${address}/p2p-circuit`], relayed: true })
} else if (what === 'relay') {
  await listen({ listen: LOCAL, relay: { reservations: { applyDefaultLimit: false } } })
} else {
  const peer = await startPeer({ relayed: true })
  const stream = await open(peer, parse(address), what === 'perf' ? PERF : ECHO)
  const before = process.cpuUsage()
  const result = what === 'perf'
    ? await perf(stream, Number(first), Number(second))
    : await requests(stream, Number(first), Number(second))
  const { user, system } = process.cpuUsage(before)
  console.log(JSON.stringify({ ...result, cpu: (user + system) / 1e6 }))
  await peer.stop()
}
