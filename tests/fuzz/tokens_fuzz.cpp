// The file of bearer tokens. A fault never quotes a token, and a file with a fault opens nothing.
#include <string>

#include "app/config/bearer_tokens.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ledgerd;
  static const memory_file file;
  file.hold(text_of(data, size));
  const auto got = read_token_file(file.path());
  demand(!got.faults.empty() || !got.tokens.empty(), "neither tokens nor a fault");
  for (const auto& each : got.faults)
    demand(each.starts_with(file.path() + ":") && each.size() < file.path().size() + 120,
           "a fault that does not say where, or quotes the file");
  for (const auto& each : got.tokens)
    demand(!each.name.empty() && each.name.size() <= 64 && each.scopes > 0 && each.scopes < 8,
           "a token for nothing");
  for (const auto scope : {access_scope::read, access_scope::submit, access_scope::operate}) {
    const auto token = first_token(file.path(), scope);
    if (token.empty())
      continue;
    const bearer_tokens all{got.tokens};
    const auto found = all.find(token);
    demand(got.faults.empty() && found.has_value()
               && (got.tokens[*found].scopes & static_cast<std::uint8_t>(scope)) != 0,
           "a token that opens nothing");
  }
  return 0;
}
