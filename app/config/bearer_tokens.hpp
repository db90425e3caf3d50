// The token file of the HTTP API: who may ask for what.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

// What a token allows; a token has any number of them.
enum class access_scope : std::uint8_t { read = 1, submit = 2, operate = 4 };

std::string_view to_text(access_scope scope) noexcept; // read, submit, operate

using token_digest = std::array<unsigned char, 32>; // SHA-256

struct bearer_token {
  std::string name;
  std::uint8_t scopes = 0;      // access_scope values, joined
  token_digest digest{};        // the token itself is not kept
  std::optional<unsigned> rate; // requests a second, 0: no limit; nothing: the default
};

// Fixed after construction: any thread.
class bearer_tokens {
public:
  explicit bearer_tokens(std::vector<bearer_token> tokens);

  const std::vector<bearer_token>& all() const noexcept { return tokens_; }

  // The number of the token in `all`, or nothing. Takes the same time whichever it is, and whether
  // it is any.
  std::optional<std::size_t> find(std::string_view token) const noexcept;

private:
  std::vector<bearer_token> tokens_;
};

struct token_file {
  std::vector<bearer_token> tokens;
  std::vector<std::string> faults; // each a sentence with file and line, and never a token
};

// Reads lines of `NAME SCOPES TOKEN [RATE]`, with # for comments. Refuses a file that other users
// may read. Never throws for what the file holds.
token_file read_token_file(const std::string& path);

// The first token of the file that has the scope, as it stands there: for verbs that ask a daemon
// of this machine. Empty when there is none, or the file has faults.
std::string first_token(const std::string& path, access_scope scope);

} // namespace ledgerd
