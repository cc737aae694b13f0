// noisegate's libp2p against js-libp2p, in one run on one machine: direct and through a relay, in MB/s
// (10^6 bytes), the relay's CPU and memory, and the times of small requests. Medians of RUNS.
//
// usage: NOISEGATE=build/release/noisegate node perf/libp2p_bench.mjs [MIB] [RUNS]
//
// Needs the packages of tests/libp2p/js (`npm ci` there). perf/README.md says what the figures mean.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const program = process.env.NOISEGATE ?? 'build/release/noisegate'
const bytes = Number(process.argv[2] ?? 256) * 2 ** 20
const runs = Number(process.argv[3] ?? 3)
const js = fileURLToPath(new URL('libp2p_peer.mjs', import.meta.url))

function start (command, args) {
  const child = spawn(command, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  child.output = ''
  child.stdout.on('data', text => { child.output += text })
  child.done = new Promise((resolve, reject) => child.on('close', code =>
    code === 0 || child.killed ? resolve(child.output) : reject(new Error(`${command} ${args}: ${code}`))))
  return child
}

async function serve (command, args) {
  const child = start(command, args)
  for (;;) {
    const found = child.output.match(/^LISTEN (\S+)$/m)
    if (found != null) return { child, address: found[1], stop () { child.kill(); return child.done } }
    await new Promise(resolve => setTimeout(resolve, 10))
    if (child.exitCode != null) throw new Error(`${command} ${args} did not listen`)
  }
}

// The two implementations, doing the same.
const GATE = {
  name: 'noisegate',
  listen: () => serve(program, ['p2p', 'listen', '/ip4/127.0.0.1/tcp/0']),
  behind: relay => serve(program, ['p2p', 'listen', `${relay}/p2p-circuit`]),
  relay: () => serve(program, ['p2p', 'listen', '/ip4/127.0.0.1/tcp/0', '--relay', '--relay-bytes', 0,
    '--relay-duration', '0s']),
  async perf (address, up, down) {
    const output = await start(program, ['p2p', 'dial', address, 'perf', '--upload', up, '--download',
      down]).done
    const rates = [...output.matchAll(/bytes, ([\d.e+]+) MB\/s/g)].map(m => Number(m[1]))
    return up > 0 ? rates[0] : rates[1]
  },
  async requests (address, size, count) {
    const output = await start(program, ['p2p', 'dial', address, 'echo', '--size', size, '--requests',
      count]).done
    const [, p50, p99] = output.match(/p50 ([\d.e-]+) ms, p99 ([\d.e-]+) ms/)
    return { p50: Number(p50), p99: Number(p99) }
  }
}
const JS = {
  name: 'js-libp2p',
  listen: () => serve('node', [js, 'listen']),
  behind: relay => serve('node', [js, 'listen', relay]),
  relay: () => serve('node', [js, 'relay']),
  async perf (address, up, down) {
    const result = JSON.parse(await start('node', [js, 'perf', address, up, down]).done)
    // Uploaded is what the other side has read: its answer, or its end, comes after that.
    return up > 0 ? up / 1e6 / (result.upload + result.download) : down / 1e6 / result.download
  },
  async requests (address, size, count) {
    return JSON.parse(await start('node', [js, 'requests', address, size, count]).done)
  }
}

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1]

async function repeat (measure) {
  const values = []
  for (let i = 0; i < runs; i++) values.push(await measure())
  return median(values)
}

const cpuSeconds = pid => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
const memory = (pid, key) =>
  Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${key}:\\s+(\\d+)`))[1]) / 1024

const results = []
function tell (what, value, unit) {
  results.push({ what, value, unit })
  console.log(`${what.padEnd(52)} ${value.toFixed(2).padStart(9)} ${unit}`)
}

async function direct (kind) {
  const server = await kind.listen()
  tell(`${kind.name} direct, upload`, await repeat(() => kind.perf(server.address, bytes, 0)), 'MB/s')
  tell(`${kind.name} direct, download`, await repeat(() => kind.perf(server.address, 0, bytes)), 'MB/s')
  const times = await kind.requests(server.address, 1024, 2000)
  tell(`${kind.name} direct, 1 KiB request, p50`, times.p50, 'ms')
  tell(`${kind.name} direct, 1 KiB request, p99`, times.p99, 'ms')
  await server.stop()
}

async function relayed (relayKind, kind) {
  const relay = await relayKind.relay()
  const base = memory(relay.child.pid, 'VmRSS')
  const server = await kind.behind(relay.address)
  const name = `${kind.name} through ${relayKind.name}`
  const cpu = cpuSeconds(relay.child.pid)
  tell(`${name}, upload`, await repeat(() => kind.perf(server.address, bytes, 0)), 'MB/s')
  tell(`${name}, download`, await repeat(() => kind.perf(server.address, 0, bytes)), 'MB/s')
  const moved = 2 * runs * bytes / 2 ** 30
  tell(`${name}, relay's CPU`, (cpuSeconds(relay.child.pid) - cpu) / moved, 's/GiB')
  tell(`${name}, relay's memory over its start`, memory(relay.child.pid, 'VmHWM') - base, 'MiB')
  const times = await kind.requests(server.address, 1024, 1000)
  tell(`${name}, 1 KiB request, p50`, times.p50, 'ms')
  tell(`${name}, 1 KiB request, p99`, times.p99, 'ms')
  await server.stop()
  await relay.stop()
}

await direct(JS)
await direct(GATE)
await relayed(JS, JS)
await relayed(GATE, JS)
await relayed(GATE, GATE)
if (process.env.JSON_OUT != null) {
  (await import('node:fs')).writeFileSync(process.env.JSON_OUT, JSON.stringify({ bytes, runs, results }, null, 2))
}
