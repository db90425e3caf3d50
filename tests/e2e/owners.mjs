// Which node owns an account: the rule of domain/ownership.hpp, written a second time.

export const shards = 16384;

function fnv1a(text, bits, basis, prime) {
  let hash = basis;
  for (const byte of Buffer.from(text, 'utf8')) {
    hash = BigInt.asUintN(bits, (hash ^ BigInt(byte)) * prime);
  }
  return hash;
}

function mix(x) {
  const turn = (y, shift, factor) => BigInt.asUintN(64, (y ^ (y >> shift)) * factor);
  const y = turn(turn(x, 30n, 0xbf58476d1ce4e5b9n), 27n, 0x94d049bb133111ebn);
  return y ^ (y >> 31n);
}

export const shardOf = (user) => Number(fnv1a(user, 32, 2166136261n, 16777619n)) % shards;

// The name of each shard's owner.
export function owners(names) {
  const sorted = [...names].sort().map((name) => ({name, hash: fnv1a(name, 64, 14695981039346656037n, 1099511628211n)}));
  return Array.from({length: shards}, (_, shard) => {
    const weights = sorted.map(({name, hash}) => ({name, weight: mix(hash ^ mix(BigInt(shard + 1)))}));
    return weights.reduce((best, each) => (each.weight > best.weight ? each : best)).name;
  });
}
