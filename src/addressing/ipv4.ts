// The address helpers in one import: dotted quads and the MAC rule.

export { formatIpv4, parseIpv4 } from '../base/ipv4.ts'
export { bridgeMacOf, macOf } from './mac.ts'
