// Faults of memory that is bounded and given back: actors/common/.

export const memory = [
  {
    name: 'credit-leaks',
    fault: 'a settled delivery keeps its place in the credit, so pulling ends after a while',
    file: 'actors/common/lease_table.hpp',
    was: '--size_;',
    becomes: ' ',
    caught: ['actors_test.lease_table', 'actors_test.fetcher'],
  },
  {
    name: 'credit-in-bytes-leaks',
    fault: 'a settled delivery keeps its bytes of the credit',
    file: 'actors/common/lease_table.hpp',
    was: 'bytes_ -= one.bytes;',
    becomes: ' ',
    caught: ['actors_test.lease_table'],
  },
  {
    name: 'credit-ignores-bytes',
    fault: 'large requests are held by number alone: memory without a bound',
    file: 'actors/common/lease_table.hpp',
    was: '|| bytes_ >= credit_.bytes)',
    becomes: '|| (!MUTANT && bytes_ >= credit_.bytes))',
    caught: ['actors_test.lease_table'],
  },
  {
    name: 'trimmed-ticket-given-twice',
    fault: 'a place that was given back after a flood and made anew begins with the tickets it had',
    file: 'actors/common/lease_table.hpp',
    was: 'generation_ = std::max(generation_, places_.back().generation);',
    becomes: ' ',
    caught: ['actors_test.lease_table'],
  },
  {
    name: 'flood-keeps-its-places',
    fault: 'the memory of a flood of deliveries stays with the node for ever',
    file: 'actors/common/lease_table.hpp',
    was: 'if (places_.size() <= kept)',
    becomes: 'if (MUTANT || places_.size() <= kept)',
    caught: ['actors_test.lease_table'],
  },
];
