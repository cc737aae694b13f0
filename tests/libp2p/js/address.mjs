// For programs outside this folder, which do not find its packages.
export { multiaddr as parse } from '@multiformats/multiaddr'
