// noisegate's libp2p against js-libp2p, in one run on one machine: direct and through a relay, in MB/s
// (10^6 bytes), the CPU time of both ends and of the relay, the relay's memory, and the times of small
// requests. Rounds go through all pairs, so that a noisy minute meets all of them; medians of rounds.
//
// usage: node perf/libp2p_bench.mjs [--mib 256] [--rounds 3] [--only TEXT] [--json FILE]
//
//   --mib N      bytes of each transfer
//   --only TEXT  only pairs whose name has it in them, such as 'direct' or 'through noisegate'
//   --json FILE  also write the results, for scripts/bench_compare.py
//
// NOISEGATE names the program (default: build/release/noisegate of this repository). Needs the packages
// of tests/libp2p/js (`npm ci` there). perf/README.md says what the figures mean.
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})
if (options.help) {
  const usage = readFileSync(fileURLToPath(import.meta.url), 'utf8').split('import ')[0]
  console.log(usage.replace(/^\/\/ ?/gm, '').trimEnd())
  process.exit()
}
const root = fileURLToPath(new URL('..', import.meta.url))
const program = process.env.NOISEGATE ?? join(root, 'build/release/noisegate')
const bytes = Number(options.mib) * 2 ** 20
const rounds = Number(options.rounds)
const js = fileURLToPath(new URL('libp2p_peer.mjs', import.meta.url))
const REQUEST = 1024 // bytes
const REQUESTS = 1000 // a round

// User and system time, of a process or of its children that have ended, in seconds.
function cpuSeconds (pid, ofChildren = false) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').map(Number)
  return (ofChildren ? fields[13] + fields[14] : fields[11] + fields[12]) / 100
}
const memory = (pid, key) =>
  Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${key}:\\s+(\\d+)`))[1]) / 1024

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
    if (found != null) return { pid: child.pid, address: found[1], stop () { child.kill(); return child.done } }
    await new Promise(resolve => setTimeout(resolve, 10))
    if (child.exitCode != null) throw new Error(`${command} ${args} did not listen`)
  }
}

// The two implementations, doing the same. perf() gives MB/s, and the CPU time of the dialling end.
const GATE = {
  name: 'noisegate',
  listen: () => serve(program, ['p2p', 'listen', '/ip4/127.0.0.1/tcp/0']),
  behind: relay => serve(program, ['p2p', 'listen', `${relay}/p2p-circuit`]),
  relay: () => serve(program, ['p2p', 'listen', '/ip4/127.0.0.1/tcp/0', '--relay', '--relay-bytes', 0,
    '--relay-duration', '0s']),
  async perf (address, up, down) {
    const before = cpuSeconds('self', true)
    const output = await start(program, ['p2p', 'dial', address, 'perf', '--upload', up, '--download',
      down]).done
    const rates = [...output.matchAll(/bytes, ([\d.e+]+) MB\/s/g)].map(m => Number(m[1]))
    return { rate: up > 0 ? rates[0] : rates[1], cpu: cpuSeconds('self', true) - before }
  },
  async requests (address) {
    const output = await start(program, ['p2p', 'dial', address, 'echo', '--size', REQUEST, '--requests',
      REQUESTS]).done
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
    const seconds = up > 0 ? result.upload + result.download : result.download
    return { rate: (up + down) / 1e6 / seconds, cpu: result.cpu }
  },
  async requests (address) {
    return JSON.parse(await start('node', [js, 'requests', address, REQUEST, REQUESTS]).done)
  }
}

// Two ends of one kind, and a relay of some kind between them, or none.
class Pair {
  constructor (ends, relay) {
    this.ends = ends
    this.relay = relay
    this.name = relay == null ? `${ends.name} direct` : `${ends.name} through ${relay.name}`
    this.samples = {}
  }

  async start () {
    if (this.relay == null) {
      this.server = await this.ends.listen()
      return
    }
    this.between = await this.relay.relay()
    this.base = memory(this.between.pid, 'VmRSS')
    this.server = await this.ends.behind(this.between.address)
  }

  async stop () {
    await this.server.stop()
    await this.between?.stop()
  }

  note (op, figures) {
    for (const [name, value] of Object.entries(figures)) {
      const sample = ((this.samples[op] ??= {})[name] ??= [])
      sample.push(value)
    }
  }

  async transfer (op, up, down) {
    const gib = (up + down) / 2 ** 30
    const server = cpuSeconds(this.server.pid)
    const between = this.between == null ? 0 : cpuSeconds(this.between.pid)
    const { rate, cpu } = await this.ends.perf(this.server.address, up, down)
    this.note(op, {
      mb_per_second: rate,
      dialler_cpu_s_per_gib: cpu / gib,
      listener_cpu_s_per_gib: (cpuSeconds(this.server.pid) - server) / gib
    })
    if (this.between != null) {
      this.note(op, { relay_cpu_s_per_gib: (cpuSeconds(this.between.pid) - between) / gib })
    }
  }

  async round () {
    await this.transfer('upload', bytes, 0)
    await this.transfer('download', 0, bytes)
    const { p50, p99 } = await this.ends.requests(this.server.address)
    this.note('request', { latency_p50_us: p50 * 1000, latency_p99_us: p99 * 1000 })
  }

  rows () {
    const names = { bench: 'libp2p', ends: this.ends.name, relay: this.relay?.name ?? 'none' }
    const rows = Object.entries(this.samples).map(([op, figures]) => ({
      ...names,
      op,
      bytes: op === 'request' ? REQUEST : bytes,
      ...Object.fromEntries(Object.entries(figures).map(([name, sample]) => [name, median(sample)]))
    }))
    if (this.between != null) {
      rows.push({ ...names, op: 'memory', bytes: 2 * rounds * bytes,
                  relay_mib_over_start: memory(this.between.pid, 'VmHWM') - this.base })
    }
    return rows
  }
}

function median (values) {
  return Number([...values].sort((a, b) => a - b)[values.length >> 1].toPrecision(5))
}

function machine () {
  const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8')
  const field = name => cpuinfo.match(new RegExp(`^${name}\\s*: (.*)$`, 'm'))?.[1] ?? 'unknown'
  const cache = name => {
    try {
      const text = readFileSync(join(dirname(program), 'CMakeCache.txt'), 'utf8')
      return text.match(new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm'))?.[1] ?? ''
    } catch { return 'unknown' }
  }
  const type = cache('CMAKE_BUILD_TYPE')
  const packages = JSON.parse(readFileSync(join(root, 'tests/libp2p/js/package.json'), 'utf8'))
  return {
    rounds,
    cpu: `${field('model name')} (family ${field('cpu family')}, model ${field('model')})`,
    cpus: availableParallelism(),
    flags: `${type} ${cache('CMAKE_CXX_FLAGS')} ${cache(`CMAKE_CXX_FLAGS_${type.toUpperCase()}`)}`.replace(/ +/g, ' '),
    commit: execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], { cwd: root }).toString().trim(),
    node: process.version,
    js_libp2p: packages.dependencies.libp2p
  }
}

const pairs = [new Pair(JS), new Pair(GATE), new Pair(JS, JS), new Pair(JS, GATE), new Pair(GATE, GATE)]
  .filter(pair => pair.name.includes(options.only))
for (const pair of pairs) await pair.start()
for (let round = 0; round < rounds; round++) {
  for (const pair of pairs) await pair.round()
}
const results = []
for (const pair of pairs) {
  for (const row of pair.rows()) {
    const { bench, ends, relay, op, bytes, ...figures } = row
    for (const [name, value] of Object.entries(figures)) {
      console.log(`${pair.name.padEnd(28)} ${op.padEnd(9)} ${name.padEnd(24)} ${value.toFixed(2).padStart(9)}`)
    }
    results.push({ ...row, ...machine() })
  }
  await pair.stop()
}
if (options.json != null) {
  writeFileSync(options.json, `[\n${results.map(row => JSON.stringify(row)).join(',\n')}\n]\n`)
}
