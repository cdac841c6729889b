// Reads an image's description and holds its files against their digests.

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { allOf } from '../../base/all-of.ts'
import { NslabError } from '../../base/errors.ts'
import { sha256Of } from './file-facts.ts'
import { IMAGE_SCHEMA, type Image, type ImageDescription, imageRoles } from './types.ts'

/** A name without a folder: an image's files lie beside its description. */
const fileName = v.pipe(v.string(), v.regex(/^[\w][\w.-]*$/))
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))

const descriptionSchema = v.looseObject({
  schema: v.literal(IMAGE_SCHEMA),
  role: v.picklist(imageRoles),
  kernel: fileName,
  initrd: fileName,
  root: v.nullable(fileName),
  whole_initrd: v.optional(fileName),
  command_line: v.string(),
  versions: v.record(v.string(), v.string()),
  digests: v.record(v.string(), sha256),
  modules: v.array(v.string()),
  memory_min_mib: v.pipe(v.number(), v.integer(), v.minValue(1)),
  digest: sha256,
})

/** A file's sha256 in hex. Rejects where it can't be read. */
export type DigestOf = (path: string) => Promise<string>

/** The description's own digest: over every key but `digest`, sorted, so that their order means nothing. */
export function describeDigest(description: Omit<ImageDescription, 'digest'>): string {
  const { digest: _, ...rest } = description as ImageDescription
  return createHash('sha256').update(canonical(rest)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
}

/**
 * Loads the image at `path`: its folder, or its image.json. Reads every byte of it, some 0.2 s for 150 MB, unless
 * `digestOf` knows better.
 * Throws FILE_UNREADABLE, and IMAGE_DAMAGED where a file is not what the description says.
 */
export async function loadImage(path: string, digestOf: DigestOf = sha256Of): Promise<Image> {
  const isFolder = await stat(path).then(
    stats => stats.isDirectory(),
    () => false,
  )
  const file = resolve(isFolder ? join(path, 'image.json') : path)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new NslabError('FILE_UNREADABLE', { path: file, reason: error.code ?? error.message }, { cause: error })
  })
  const description = parse(file, text)
  const folder = dirname(file)
  const digest = describeDigest(description)
  if (digest !== description.digest) {
    throw damaged(file, `the digest of ${basename(file)} is ${digest}, and it says ${description.digest}`)
  }
  const { kernel, initrd, root, whole_initrd = root === null ? initrd : null } = description
  const names = [kernel, initrd, root, whole_initrd].filter(name => name !== null)
  await allOf([...new Set(names)].map(name => verify(file, description, name, digestOf)))
  return {
    ...description,
    folder,
    kernelPath: join(folder, kernel),
    initrdPath: join(folder, initrd),
    rootPath: root === null ? null : join(folder, root),
    wholeInitrdPath: whole_initrd === null ? null : join(folder, whole_initrd),
  }
}

function parse(file: string, text: string): ImageDescription {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw damaged(file, (error as Error).message)
  }
  const result = v.safeParse(descriptionSchema, json)
  if (result.success) return result.output
  const problems = result.issues.map(issue => `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`)
  throw damaged(file, problems.join('; '))
}

async function verify(file: string, description: ImageDescription, name: string, digestOf: DigestOf): Promise<void> {
  const expected = description.digests[name]
  if (expected === undefined) throw damaged(file, `it has no digest of ${name}`)
  const found = await digestOf(join(dirname(file), name)).catch((error: Error) => {
    throw damaged(file, error.message)
  })
  if (found !== expected) throw damaged(file, `the digest of ${name} is ${found}, and it should be ${expected}`)
}

const damaged = (image: string, reason: string): NslabError => new NslabError('IMAGE_DAMAGED', { image, reason })
