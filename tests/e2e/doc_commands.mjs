// What stands in a page's fenced blocks and in backticks, and which commands a script of the shell is made of. Pure.

// The fenced blocks of a page: {line, info, text}. A fence may be indented, in a list.
export function blocksOf(page) {
  const found = [];
  let open = null;
  page.split('\n').forEach((line, index) => {
    const fence = /^( *)```(.*)$/.exec(line);
    if (fence && !open) {
      open = {line: index + 1, info: fence[2].trim(), indent: fence[1].length, lines: []};
    } else if (fence && fence[2] === '') {
      found.push({line: open.line, info: open.info, text: `${open.lines.join('\n')}\n`});
      open = null;
    } else if (open) {
      open.lines.push(line.slice(Math.min(open.indent, /^ */.exec(line)[0].length)));
    }
  });
  return found;
}

// What stands in backticks in a page's text, blocks left out: {line, text}. A span may go on in the next line.
export function spansOf(page) {
  const blank = (text) => text.replace(/[^\n]/g, '');
  const text = page.replace(/^( *)```[^]*?^ *```$/gm, blank);
  return [...text.matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(({index, 1: span}) =>
    ({line: text.slice(0, index).split('\n').length, text: span.replace(/\s+/g, ' ')}));
}

// The commands of a block that shows a terminal: what follows a prompt, if it has any, or all of it.
export function typedIn(block) {
  const prompt = /^[$#] /;
  const joined = block.replace(/\\\n/g, ' ').split('\n');
  const typed = joined.some((line) => prompt.test(line)) ? joined.filter((line) => prompt.test(line)) : joined;
  return typed.map((line) => line.replace(prompt, '')).join('\n');
}

// The simple commands of a script, each a list of words. Quotes keep words together; comments, redirections and what
// stands before the command's name are left out.
export function commandsOf(script) {
  const text = script.replace(/\\\n/g, ' ').replace(/\d?>&\d/g, ' ');
  const commands = [[]];
  const token = /"((?:\\.|[^"\\])*)"|'([^']*)'|(#.*)|(\$\(|\n|&&|\|\||[|;&(){}])|([^\s"'|;&(){}#]+)|\s+/g;
  let glued = false;
  for (const [all, double, single, comment, end, bare] of text.matchAll(token)) {
    const word = double ?? single ?? bare;
    if (end !== undefined) {
      commands.push([]);
    } else if (word !== undefined) {
      const words = commands.at(-1);
      if (glued && words.length > 0) {
        words[words.length - 1] += word;
      } else {
        words.push(word);
      }
    }
    glued = word !== undefined && all.trim() === all && comment === undefined;
  }
  return commands.map((words) => {
    while (/^\w+=/.test(words[0] ?? '') || ['if', 'then', 'while', 'do', '!', 'time', 'sudo'].includes(words[0])) {
      words.shift();
    }
    const redirected = words.findIndex((word) => /^\d?[<>]/.test(word));
    return redirected < 0 ? words : words.slice(0, redirected);
  }).filter((words) => words.length > 0);
}
