// The controller's image in a guest: its PostgreSQL makes a database of a run's own, as another user, and serves it.

import t from 'tap'
import { findPostgres } from '../../src/controller/postgres-programs.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import { runGuest } from '../fixtures/init-guest.ts'

/** Half-second steps that an emulated initdb gets: it is ten to twenty seconds of work. */
const PATIENCE = 360

const SERVE = `
nslab controller > /tmp/out 2>&1 &
n=0
until grep -q listening /tmp/out || [ $n -gt ${PATIENCE} ]; do sleep 0.5; n=$((n+1)); done
cat /tmp/out
connect=$(sed -n 's/.*connect=\\(.*\\) pid=.*/\\1/p' /tmp/out)
echo "answer $($connect -Atc 'select 6 * 7')"
echo "owner $(ps -o user,comm | grep -m1 ' postgres$' | cut -d' ' -f1)"
kill %1
wait %1
echo "controller ended with $?"
`

t.test(
  'a controller in a guest has a database of its own',
  { skip: findPostgres() === null && 'no PostgreSQL' },
  async t => {
    const { memory_min_mib } = await imageFor('controller', { onStep: () => {} })
    const { console, end } = await runGuest(t, {
      role: 'controller',
      files: { 'agent.sh': SERVE, 'etc/nslab/agent': '/bin/sh\n/agent.sh\n' },
      // The least that the image says, and what the server takes.
      spec: { memoryMib: memory_min_mib + 64 },
    })
    t.match(console, /database_ready store=postgres/)
    t.match(console, /answer 42\n/)
    t.match(console, /owner postgres\n/)
    t.match(console, /controller ended with \d+\n/)
    t.equal(end.kind, 'guest_shutdown')
  },
)
