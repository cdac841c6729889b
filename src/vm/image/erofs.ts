// A read-only root for a disk (EROFS, nothing compressed) in which nothing depends on when, where or by whom it is
// made: root owns all, times are zero, inodes count up, modes follow from the kind, entries come in the order they are
// given. Written here as the initramfs is, because mkfs.erofs would need a folder with all of it, and gives other bytes
// in other versions. Layout: the kernel's fs/erofs/erofs_fs.h.
//
//   block 0    superblock, at byte 1,024
//   block 1 …  inodes of 32 bytes; a small content follows its inode in the same block
//   then       contents that begin at a block, in the order of the entries

import { basename, dirname } from 'node:path/posix'
import { bytesOf, modeOf, sizeOf } from './content.ts'
import type { Content, Entry } from './tree.ts'

const BLOCK_BITS = 12
const BLOCK = 1 << BLOCK_BITS
const SUPERBLOCK_AT = 1024
const MAGIC = 0xe0f5_e1e2
const INODE_BYTES = 32
const DIRENT_BYTES = 12
/** Contents up to this size stand beside their inode: links, small files, small folders. */
const INLINE_MAX = 2048
/** i_format of a small inode: its content begins at a block, or follows the inode. */
const PLAIN = 0 << 1
const INLINE = 2 << 1
/** d_type. */
const TYPES = { file: 1, text: 1, folder: 2, device: 3, link: 7 } as const

interface Node {
  readonly content: Content
  readonly bytes: number
  /** Of a folder: by name, with itself and its parent. */
  readonly children: Map<string, Node>
  /** Its inode is at `place` bytes from block 1. */
  readonly place: number
  /** Where its content begins; 0: beside the inode, or there is none. */
  readonly block: number
}
type Unplaced = { -readonly [Key in keyof Node]: Node[Key] }

/** The file system, piece by piece; a whole number of blocks. Throws FILE_UNREADABLE. */
export async function* erofs(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  const nodes = await placed(entries)
  const last = nodes.at(-1) as Node
  const metaBlocks = blocksOf(endOf(last))
  let next = 1 + metaBlocks
  for (const node of nodes) {
    if (isInline(node) || node.bytes === 0) continue
    node.block = next
    next += blocksOf(node.bytes)
  }
  yield superblock(nodes.length, next)
  const meta = Buffer.alloc(metaBlocks * BLOCK)
  for (const [index, node] of nodes.entries()) {
    inode(node, index + 1).copy(meta, node.place)
    if (isInline(node)) (await whole(node)).copy(meta, node.place + INODE_BYTES)
  }
  yield meta
  for (const node of nodes) {
    if (node.block === 0) continue
    if (node.content.kind === 'folder') yield listing(node)
    else yield* bytesOf(node.content, node.bytes)
    yield Buffer.alloc(blocksOf(node.bytes) * BLOCK - node.bytes)
  }
}

/** The root and every entry, with sizes and the places of their inodes. The root must be within 2 MiB: it is first. */
async function placed(entries: readonly Entry[]): Promise<Unplaced[]> {
  const folder: Content = { kind: 'folder' }
  const root: Unplaced = { content: folder, bytes: 0, children: new Map(), place: 0, block: 0 }
  root.children.set('.', root).set('..', root)
  const byPath = new Map<string, Unplaced>([['.', root]])
  for (const { path, content } of entries) {
    const parent = byPath.get(dirname(path))
    if (parent?.content.kind !== 'folder') throw new Error(`${path} is in no folder of the image`)
    const node: Unplaced = { content, bytes: await sizeOf(content), children: new Map(), place: 0, block: 0 }
    if (content.kind === 'folder') node.children.set('.', node).set('..', parent)
    parent.children.set(basename(path), node)
    byPath.set(path, node)
  }
  let place = 0
  for (const node of byPath.values()) {
    if (node.content.kind === 'folder') node.bytes = listing(node).length
    node.place = place
    // What follows an inode may not go over into the next block.
    if ((place % BLOCK) + endOf(node) - place > BLOCK) node.place = blocksOf(place) * BLOCK
    place = Math.ceil(endOf(node) / INODE_BYTES) * INODE_BYTES
  }
  return [...byPath.values()]
}

const blocksOf = (bytes: number): number => Math.ceil(bytes / BLOCK)
const isInline = ({ bytes }: Node): boolean => bytes > 0 && bytes <= INLINE_MAX
const endOf = (node: Node): number => node.place + INODE_BYTES + (isInline(node) ? node.bytes : 0)
const numberOf = ({ place }: Node): number => place / INODE_BYTES

function superblock(nodes: number, blocks: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const put = block.subarray(SUPERBLOCK_AT)
  put.writeUInt32LE(MAGIC, 0)
  put.writeUInt8(BLOCK_BITS, 12)
  // The root's inode is the first: root_nid, at 14, is zero. So are time, label, UUID and features.
  put.writeBigUInt64LE(BigInt(nodes), 16)
  put.writeUInt32LE(blocks, 36)
  put.writeUInt32LE(1, 40)
  return block
}

function inode(node: Node, number: number): Buffer {
  const { content, bytes, block, children } = node
  const result = Buffer.alloc(INODE_BYTES)
  const subfolders = [...children].filter(([name, { content }]) => name !== '..' && content.kind === 'folder')
  result.writeUInt16LE(isInline(node) ? INLINE : PLAIN, 0)
  result.writeUInt16LE(modeOf(content), 4)
  result.writeUInt16LE(content.kind === 'folder' ? 1 + subfolders.length : 1, 6)
  result.writeUInt32LE(bytes, 8)
  result.writeUInt32LE(content.kind === 'device' ? (content.major << 8) | content.minor : block, 16)
  result.writeUInt32LE(number, 20)
  return result
}

/** A folder's blocks: in each, entries of twelve bytes, and then their names. All are sorted by the names' bytes. */
function listing({ children }: Node): Buffer {
  const sorted = [...children].map(([name, node]) => ({ name: Buffer.from(name), node }))
  sorted.sort((a, b) => Buffer.compare(a.name, b.name))
  const blocks: (typeof sorted)[] = []
  let left = 0
  for (const entry of sorted) {
    const bytes = DIRENT_BYTES + entry.name.length
    if (bytes > left) {
      blocks.push([])
      left = BLOCK
    }
    blocks.at(-1)?.push(entry)
    left -= bytes
  }
  const written = blocks.map(entries => {
    let nameAt = entries.length * DIRENT_BYTES
    const heads = entries.map(({ name, node }) => {
      const head = Buffer.alloc(DIRENT_BYTES)
      head.writeBigUInt64LE(BigInt(numberOf(node)), 0)
      head.writeUInt16LE(nameAt, 8)
      head.writeUInt8(TYPES[node.content.kind], 10)
      nameAt += name.length
      return head
    })
    return Buffer.concat([...heads, ...entries.map(({ name }) => name)])
  })
  const last = written.pop() as Buffer
  return Buffer.concat([...written.map(block => Buffer.concat([block], BLOCK)), last])
}

async function whole(node: Node): Promise<Buffer> {
  if (node.content.kind === 'folder') return listing(node)
  const pieces: Buffer[] = []
  for await (const piece of bytesOf(node.content, node.bytes)) pieces.push(piece)
  return Buffer.concat(pieces)
}
