# From ctest's log (Testing/Temporary/LastTest.log) the lines in which tests say how much they have done: seeds, cells, states,
# branches. ctest itself shows only what a test that fails has said.
/^[0-9]+\/[0-9]+ Testing: / { test = $3; next }
/^<end of output>$/ { test = "" }
test ~ /^simulation\./ && (/^seeds [0-9]+ to / || /^[0-9]+ seeds, / || /FAILED/) ||
test ~ /^e2e\.chaos_/ && (/^[0-9]+ cells, seed / || /^[0-9]+ cells hold, / || /SKIPPED/ || /^FAILED/) ||
test ~ /^model\./ && /^model / ||
test == "coverage.branches" && (/^branches/ || /^  [a-z].* %/) { print test ": " $0 }
