// Values as people read them. Pure. What nobody knows is a dash, never 0.

export const unknown = '–';
const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const tenth = new Intl.NumberFormat('en', {minimumFractionDigits: 1, maximumFractionDigits: 1});
const missing = (value) => value === null || value === undefined || Number.isNaN(value);

export function count(value) {
  return missing(value) ? unknown : whole.format(value);
}

// So many of something: 1 letter, 2 letters.
export function number(value, what) {
  return `${count(value)} ${what}${value === 1 ? '' : 's'}`;
}

// Something a second.
export function rate(value) {
  if (missing(value)) {
    return unknown;
  }
  return value > 0 && value < 10 ? tenth.format(value) : whole.format(value);
}

// A duration, in the unit that tells enough.
export function micros(value) {
  if (missing(value)) {
    return unknown;
  }
  if (value < 1000) {
    return `${whole.format(value)} µs`;
  }
  if (value < 1e6) {
    return `${value < 1e5 ? tenth.format(value / 1000) : whole.format(value / 1000)} ms`;
  }
  const seconds = value / 1e6;
  if (seconds < 120) {
    return `${seconds < 10 ? tenth.format(seconds) : whole.format(seconds)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
}

export const millis = (value) => (missing(value) ? unknown : micros(value * 1000));

export function percent(share) {
  return missing(share) ? unknown : `${whole.format(share * 100)} %`;
}

// The time of day here; with the date when it is another day.
export function clock(text, now = new Date()) {
  const at = new Date(text ?? NaN);
  if (Number.isNaN(at.getTime())) {
    return unknown;
  }
  const two = (part) => String(part).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const today = at.toDateString() === now.toDateString();
  return today ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

// The duration, in microseconds, below which `share` of those lie that a histogram of /v1/actors has counted: within
// its bucket by proportion. Nothing when it has counted none.
export function quantile(histogram, share) {
  const buckets = histogram?.buckets ?? [];
  const total = buckets.reduce((sum, [, here]) => sum + here, 0);
  if (total === 0) {
    return null;
  }
  let below = 0;
  let low = 0;
  for (const [bound, here] of buckets) {
    if (bound === null) {
      return low;
    }
    if (here > 0 && below + here >= share * total) {
      return low + (bound - low) * ((share * total - below) / here);
    }
    below += here;
    low = bound;
  }
  return low;
}
