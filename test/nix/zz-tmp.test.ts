import t from 'tap'
import { nix } from '/work/main/test/fixtures/nix-build.ts'
t.setTimeout(1200000)
t.test('native', async t => {
  t.testdir()
  const r = await nix(t, ['build', `#checks.x86_64-linux.native`, '--no-link', '-L'])
  console.error(r.code, r.stderr?.slice(-6000))
})
