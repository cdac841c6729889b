// What is done on the other machine, as scripts for its sh. They arrive on sh's standard input, so no login shell reads
// their words. Each begins with the same lines: where the soak's folder is, and how its unit is asked about.

import { shellWord } from '../../base/shell-word.ts'
import { IMAGES_VARIABLE } from '../../vm/image/find.ts'
import type { CarriedImage } from './images.ts'

/**
 * A soak's folder holds: soak.sh, words (what was asked), closure and images
 * (which keep Nix from collecting them), started, out, log,
 * exit (the exit code, once it has ended), run (the run folder) and fetched (once that was taken).
 */
const preamble = (unit: string): string => `
unit=${shellWord(unit)}
state="\${XDG_STATE_HOME:-$HOME/.local/state}/nslab/remote"
dir="$state/$unit"
if [ "$(id -u)" = 0 ]; then scope=--system; else
  scope=--user
  XDG_RUNTIME_DIR="\${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"; export XDG_RUNTIME_DIR
fi
is_active() { systemctl $scope is-active --quiet "$unit.service"; }
`

/** Says, a line each, what the machine has and what became of the soak: key=value. */
export const probeScript = (unit: string): string => `${preamble(unit)}
has() { if command -v "$1" > /dev/null 2>&1; then echo "$1=yes"; else echo "$1=no"; fi; }
echo "system=$(uname -m)-$(uname -s)"
echo "folder=$dir"
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then echo kvm=yes; else echo kvm=no; fi
has nix-store
has tar
if [ -d "\${NSLAB_SYSTEMD_FOLDER:-/run/systemd/system}" ]; then has systemd-run; else echo systemd-run=no; fi
if [ $scope = --user ]; then
  loginctl enable-linger "$(id -un)" > /dev/null 2>&1 || true
  echo "linger=$(loginctl show-user "$(id -un)" --property=Linger --value 2> /dev/null || echo unknown)"
  echo "user=$(id -un)"
fi
if [ ! -e "$dir/started" ] || [ -e "$dir/fetched" ]; then echo soak=none
elif [ -e "$dir/exit" ]; then echo soak=ended; echo "exit=$(cat "$dir/exit")"
elif is_active; then echo soak=running
# It may have ended between the two questions.
elif [ -e "$dir/exit" ]; then echo soak=ended; echo "exit=$(cat "$dir/exit")"
else echo soak=lost
fi
if [ -e "$dir/started" ]; then
  echo "started=$(cat "$dir/started")"
  echo "closure=$(readlink "$dir/closure" || true)"
fi
`

/** What the unit runs: the words, their exit code in a file, and a stop passed on so that the run ends in order. */
const SOAK = `cd "$(dirname "$0")" || exit 70
"$@" > out 2> log &
child=$!
trap 'kill -TERM "$child" 2> /dev/null' INT TERM HUP
wait "$child"
code=$?
while kill -0 "$child" 2> /dev/null; do wait "$child"; code=$?; done
echo "$code" > exit.part
mv exit.part exit
exit "$code"
`

export interface Start {
  readonly unit: string
  /** Store path of nslab, already there. */
  readonly closure: string
  /** Guest images, already there as well. */
  readonly images: readonly CarriedImage[]
  /** Of nslab run, the scenario left out. */
  readonly words: readonly string[]
  /** Name of a scenario that ships; or its text. */
  readonly scenario: { readonly name: string } | { readonly text: string }
}

/** Starts the unit. A soak of the same name that was fetched is forgotten. */
export const startScript = ({ unit, closure, images, words, scenario }: Start): string => `set -e
${preamble(unit)}
umask 077
rm -rf "$dir"
mkdir -p "$dir"
nix-store --realise ${shellWord(closure)} --add-root "$dir/closure" --indirect > /dev/null
mkdir "$dir/images"
${images
  .map(
    ({ name, path }) =>
      `nix-store --realise ${shellWord(path)} --add-root "$dir/images/"${shellWord(name)} --indirect > /dev/null\n`,
  )
  .join('')}printf %s ${shellWord(SOAK)} > "$dir/soak.sh"
printf %s ${shellWord(words.join(' '))} > "$dir/words"
${
  'name' in scenario
    ? `scenario=${shellWord(scenario.name)}`
    : `scenario="$dir/scenario.toml"; printf %s ${shellWord(scenario.text)} > "$scenario"`
}
: > "$dir/out"
: > "$dir/log"
date -u +%Y-%m-%dT%H:%M:%SZ > "$dir/started"
systemd-run $scope --quiet --collect --unit="$unit" --description="nslab run $scenario" \\
  --property=KillMode=mixed --property=TimeoutStopSec=300 --setenv=HOME="$HOME" --setenv=PATH="$PATH" \\
  ${images.length === 0 ? '' : `--setenv=${IMAGES_VARIABLE}="$dir/images" `}  /bin/sh "$dir/soak.sh" ${shellWord(`${closure}/bin/nslab`)} run "$scenario" --out "$dir/run" ${words.map(shellWord).join(' ')} \\
  || { code=$?; rm -rf "$dir"; exit "$code"; }
`

/** Gives the log from byte \`at\` on, until the soak is over. */
export const followScript = (unit: string, at: number): string => `${preamble(unit)}
at=${at}
while :; do
  # Asked before the log is read: what was written until then is shown.
  over=no
  if [ -e "$dir/exit" ] || ! is_active; then over=yes; fi
  size=$(($(wc -c < "$dir/log")))
  if [ "$size" -gt "$at" ]; then
    tail -c "+$((at + 1))" "$dir/log" | head -c "$((size - at))" || exit 1
    at=$size
  fi
  if [ $over = yes ]; then exit 0; fi
  sleep 1
done
`

/** Everything that is kept of the soak, as an archive. */
export const fetchScript = (unit: string): string => `set -e
${preamble(unit)}
cd "$dir"
if [ -d run ]; then set -- run; else set --; fi
exec tar czf - out log words started "$@"
`

/** The folder was taken: the next call with the same words starts a soak of its own. */
export const fetchedScript = (unit: string): string => `${preamble(unit)}
touch "$dir/fetched" && rm -rf "$dir/closure" "$dir/images"
`

/** Ends the soak in order: it judges what it has. */
export const stopScript = (unit: string): string => `${preamble(unit)}
systemctl $scope stop --no-block "$unit.service"
`
