// A small seeded generator of random numbers (xorshift32), so that a seed replays a run.

export class Random {
  constructor(seed) {
    this.state = (Number(seed) >>> 0) || 1;
  }

  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }

  // A whole number below `limit`.
  below(limit) {
    return this.next() % limit;
  }

  between(first, last) {
    return first + this.below(last - first + 1);
  }

  chance(percent) {
    return this.below(100) < percent;
  }

  pick(items) {
    return items[this.below(items.length)];
  }

  shuffled(items) {
    const result = [...items];
    for (let i = result.length - 1; i > 0; --i) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }
}
