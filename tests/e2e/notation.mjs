// Writes one request in many ways: every notation the contract allows for the same content.

const escapes = {'"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t'};

const unicodeEscape = (unit) => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0');

// A JSON string; now and then characters are escaped that need not be.
function jsonString(random, text) {
  let result = '';
  for (const character of text) {
    if (random.chance(5)) {
      result += character.split('').map(unicodeEscape).join('');
    } else {
      result += escapes[character] ?? character;
    }
  }
  return `"${result}"`;
}

// `minor` units as a decimal number with at least one digit before the point and `digits` after it.
export function decimal(minor, digits) {
  const text = minor.toString().padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

const withoutTrailingZeros = (text) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

// The same amount in scientific notation: 1230 with two digits is 123e-1, 1.23e1, 12.3E+0, ...
function scientific(random, minor, digits) {
  let mantissa = minor.toString();
  let exponent = -digits;
  while (mantissa.endsWith('0') && mantissa.length > 1 && random.chance(80)) {
    mantissa = mantissa.slice(0, -1);
    ++exponent;
  }
  if (mantissa.length > 1 && random.chance(60)) {
    const fraction = random.between(1, mantissa.length - 1);
    mantissa = `${mantissa.slice(0, -fraction)}.${mantissa.slice(-fraction)}`;
    exponent += fraction;
  }
  const sign = exponent < 0 ? '-' : random.pick(['', '+']);
  return `${mantissa}${random.pick(['e', 'E'])}${sign}${Math.abs(exponent)}`;
}

function amountToken(random, minor, digits) {
  const plain = decimal(minor, digits);
  const token = random.pick([
    () => plain,
    () => withoutTrailingZeros(plain),
    () => `${plain}${digits === 0 ? '.' : ''}${'0'.repeat(random.between(1, 6))}`,
    () => scientific(random, minor, digits),
  ])();
  return random.chance(50) ? token : `"${token}"`;
}

const unknownFields = [
  '"note":"ignored"',
  '"meta":{"source":"e2e","tags":["a",{"b":null}],"ratio":-0.5e-3}',
  '"retry":true',
  '"parent":null',
];

// The request's JSON text. Fields that have a default are left out or null now and then.
export function notate(random, request) {
  const fields = [
    random.chance(70) ? `"recordId":${request.id}` : `"recordId":"${request.id}"`,
    `"userId":${jsonString(random, request.user)}`,
    `"amount":${amountToken(random, request.minor, request.digits)}`,
  ];
  if (request.currency !== 'KRW' || random.chance(50)) {
    fields.push(`"currency":"${request.currency}"`);
  } else if (random.chance(30)) {
    fields.push('"currency":null');
  }
  if (random.chance(50)) {
    fields.push(`"type":"${request.type}"`);
  } else if (random.chance(30)) {
    fields.push('"type":null');
  }
  if (random.chance(20)) {
    fields.push(random.pick(unknownFields));
  }
  const space = () => (random.chance(15) ? random.pick([' ', '\n', '\t', '\r\n  ']) : '');
  const body = random.shuffled(fields).map((field) => {
    const colon = field.indexOf(':');
    return `${space()}${field.slice(0, colon)}${space()}:${space()}${field.slice(colon + 1)}${space()}`;
  });
  return `${space()}{${body.join(',')}}${space()}`;
}
