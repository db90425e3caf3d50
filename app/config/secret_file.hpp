// Files that hold secrets: tokens, passwords, credentials; and the configuration file, which may.
// Any thread.
#pragma once

#include <string>

namespace ledgerd {

// The rule that the file's owner and rights break, as the end of a sentence, or an empty text. It
// is that of libpq: a file of root may be read by its group (0640, 0440), any other by its owner
// alone (0600). Names what is no readable file, too.
std::string judge_secret_file(const std::string& path);

// The text of such a file, at most `bytes_max` bytes (whole MiB), or the rule that is broken in
// `fault`. The rights are those of the file that was opened, so that it cannot be another one's.
// Does not wait for a writer of a pipe.
std::string read_secret_file(const std::string& path, std::size_t bytes_max, std::string& fault);

// At most 1 MiB of a regular file, or of /dev/null, which is an empty one; `fault` says why there
// is none. A pipe is refused, since SIGHUP reads the file again.
std::string read_config_text(const std::string& path, std::string& fault);

} // namespace ledgerd
