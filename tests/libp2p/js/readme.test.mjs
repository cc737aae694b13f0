// README's example, as it is pasted from there, against a noisegate that listens.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { after, test } from 'node:test'
import { listen } from './noisegate.mjs'

const here = path => fileURLToPath(new URL(path, import.meta.url))
const readme = readFileSync(here('../../../README.md'), 'utf8')
const [, example] = readme.match(/^```js\n([^]*?)^```$/m)
// Where a program finds the packages, as it does in the directory that they were installed in.
const program = here('./node_modules/readme-example.mjs')
after(() => rmSync(program, { force: true }))

test('the packages that README installs are those that are tested', () => {
  const { dependencies } = JSON.parse(readFileSync(here('./package.json'), 'utf8'))
  const [, named] = readme.match(/^\$ npm install (.+)$/m)
  for (const name of named.split(/\s+/)) {
    const [, pack, version] = name.match(/^(.+)@([^@]+)$/)
    assert.equal(version, dependencies[pack], pack)
  }
})

test('README\'s example works when pasted', async () => {
  writeFileSync(program, example)
  const gate = await listen()
  const result = spawnSync(process.execPath, [program, gate.address.toString()],
    { encoding: 'utf8', timeout: 60000 })
  assert.equal(result.status, 0, result.stderr)
  assert.match(result.stdout, /^answered after \d+ ms$/m)
  assert.equal(result.stderr, '')
  await gate.stop()
})
