// The noisegate program under test, as a child process.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'

const program = process.env.NOISEGATE
if (program == null) throw new Error('NOISEGATE must name the program')

export const scratch = mkdtempSync(join(tmpdir(), 'noisegate-interop-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

const running = new Set()
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')))

function start (args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.output = ''
  child.errors = ''
  child.stdout.on('data', text => { child.output += text; child.emit('line') })
  child.stderr.on('data', text => { child.errors += text })
  child.done = new Promise(resolve => child.on('close', (code, signal) => {
    running.delete(child)
    child.emit('line')
    resolve(code ?? signal)
  }))
  running.add(child)
  return child
}

// Runs to the end: { code, output, errors }.
export async function run (...args) {
  const child = start(args.map(String))
  const code = await child.done
  return { code, output: child.output, errors: child.errors }
}

export const dial = (...args) => run('p2p', 'dial', ...args)

// Until it says LISTEN so many times: { addresses, address, stop }.
export async function listen (args = [], count = 1) {
  const child = start(['p2p', 'listen', ...(args.length > 0 && args[0].startsWith('/')
    ? []
    : ['/ip4/127.0.0.1/tcp/0']), ...args].map(String))
  const addresses = () => [...child.output.matchAll(/^LISTEN (\S+)$/gm)].map(m => m[1])
  while (addresses().length < count) {
    if (child.exitCode != null) throw new Error('noisegate p2p listen failed: ' + child.errors)
    await new Promise(resolve => child.once('line', resolve))
  }
  // A test that fails may leave it behind: that must not keep this process from ending.
  for (const handle of [child, child.stdout, child.stderr]) handle.unref()
  return {
    addresses: addresses(),
    address: multiaddr(addresses()[0]),
    pid: child.pid,
    child,
    async stop () {
      for (const handle of [child, child.stdout, child.stderr]) handle.ref()
      child.kill('SIGTERM')
      const code = await child.done
      if (code !== 0) throw new Error(`noisegate p2p listen ended with ${code}: ${child.errors}`)
    }
  }
}

// A private key file of the type.
export async function keyFile (type) {
  const file = join(scratch, `${type}-${Math.random().toString(36).slice(2)}.pem`)
  const made = await run('keygen', '--type', type, '--out', file)
  if (made.code !== 0) throw new Error(made.errors)
  return file
}
