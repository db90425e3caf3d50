#include "app/config/bearer_tokens.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <set>
#include <sstream>

#include "app/base/text.hpp"
#include "app/config/secret_file.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr std::size_t tokens_max = 1000; // every request is compared with all of them
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t token_bytes_min = 32;
constexpr std::size_t token_bytes_max = 1024;
constexpr std::int64_t rate_max = 1000000;

constexpr access_scope scopes[] = {access_scope::read, access_scope::submit, access_scope::operate};

token_digest digest_of(std::string_view token) noexcept {
  token_digest result{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), result.data());
  return result;
}

bool made_of(std::string_view text, std::string_view punctuation) noexcept {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || punctuation.find(c) != std::string_view::npos;
  });
}

std::optional<std::uint8_t> read_scopes(const std::string& text) {
  std::uint8_t result = 0;
  std::istringstream parts{text};
  for (std::string part; std::getline(parts, part, ',');) {
    const auto* known = std::find_if(std::begin(scopes), std::end(scopes),
                                     [&](access_scope scope) { return to_text(scope) == part; });
    if (known == std::end(scopes))
      return std::nullopt;
    result |= static_cast<std::uint8_t>(*known);
  }
  if (result == 0 || text.ends_with(','))
    return std::nullopt;
  return result;
}

class line_reader {
public:
  explicit line_reader(const std::string& path, access_scope sought = {})
      : place_{escape_controls(path)}, sought_{static_cast<std::uint8_t>(sought)} {}

  void read(const std::string& line) {
    ++number_;
    std::istringstream stream{line.substr(0, line.find('#'))};
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
      words.push_back(std::move(word));
    if (words.empty())
      return;
    if (const auto rule = take(words); !rule.empty())
      result_.faults.push_back(place_ + ":" + std::to_string(number_) + ": " + rule);
  }

  token_file finish() {
    if (result_.faults.empty() && result_.tokens.empty())
      result_.faults.push_back(place_ + ": holds no token");
    if (result_.tokens.size() > tokens_max)
      result_.faults.push_back(place_ + ": holds more than " + std::to_string(tokens_max)
                               + " tokens");
    return std::move(result_);
  }

  // The first token with the scope that is sought.
  std::string found() { return std::move(found_); }

  void fault(const std::string& rule) { result_.faults.push_back(place_ + ": " + rule); }

private:
  // Returns the rule that the line breaks. Quotes nothing of the line: a token may stand in any
  // place of it.
  std::string take(const std::vector<std::string>& words) {
    if (words.size() < 3 || words.size() > 4)
      return "must be NAME SCOPES TOKEN [RATE]";
    const auto& [name, scopes_text, token] = std::tie(words[0], words[1], words[2]);
    if (name.size() > name_bytes_max || !made_of(name, "-_."))
      return "the name must be 1 to 64 letters, digits, `-`, `_` or `.`";
    const auto allowed = read_scopes(scopes_text);
    if (!allowed)
      return "the scopes must be out of read, submit and operate, separated by commas";
    if (token.size() < token_bytes_min || token.size() > token_bytes_max
        || !made_of(token, "._~+/=-"))
      return "the token must be 32 to 1024 letters, digits or `._~+/=-`";
    bearer_token item{name, *allowed, digest_of(token), std::nullopt};
    if (words.size() == 4) {
      const auto rate = parse_integer(words[3], 0, rate_max);
      if (!rate)
        return "the rate must be an integer from 0 to " + std::to_string(rate_max);
      item.rate = static_cast<unsigned>(*rate);
    }
    if (!names_.insert(name).second)
      return "the name is there already";
    if (!digests_.insert(item.digest).second)
      return "the token is there already";
    if (found_.empty() && (item.scopes & sought_) != 0)
      found_ = token;
    result_.tokens.push_back(std::move(item));
    return {};
  }

  std::string place_;
  std::uint8_t sought_;
  std::string found_;
  int number_ = 0;
  std::set<std::string> names_;
  std::set<token_digest> digests_;
  token_file result_;
};

void read_lines(const std::string& path, line_reader& reader) {
  std::string fault;
  const auto text = read_secret_file(path, file_bytes_max, fault);
  if (!fault.empty())
    return reader.fault(fault);
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    reader.read(line);
}

} // namespace

std::string_view to_text(access_scope scope) noexcept {
  switch (scope) {
  case access_scope::read:
    return "read";
  case access_scope::submit:
    return "submit";
  case access_scope::operate:
    return "operate";
  }
  return {};
}

bearer_tokens::bearer_tokens(std::vector<bearer_token> tokens) : tokens_{std::move(tokens)} {}

std::optional<std::size_t> bearer_tokens::find(std::string_view token) const noexcept {
  // Digests have one length, so that not even the length of a token shows in the time; what a
  // comparison of digests could tell would not help to find the token. libcrypto is there anyway:
  // libpq and libcurl stand on it.
  const auto wanted = digest_of(token);
  std::size_t found = tokens_.size();
  for (std::size_t i = 0; i < tokens_.size(); ++i)
    if (CRYPTO_memcmp(wanted.data(), tokens_[i].digest.data(), wanted.size()) == 0)
      found = i; // goes on
  if (found == tokens_.size())
    return std::nullopt;
  return found;
}

token_file read_token_file(const std::string& path) {
  line_reader reader{path};
  read_lines(path, reader);
  return reader.finish();
}

std::string first_token(const std::string& path, access_scope scope) {
  line_reader reader{path, scope};
  read_lines(path, reader);
  return reader.finish().faults.empty() ? reader.found() : "";
}

} // namespace ledgerd
