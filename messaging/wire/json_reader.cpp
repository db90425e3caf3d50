#include "messaging/wire/json_reader.hpp"

namespace ledgerd {

namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

constexpr unsigned byte_of(char c) noexcept {
  return static_cast<unsigned char>(c);
}

constexpr bool is_plain(char c) noexcept {
  return byte_of(c) >= 0x20 && byte_of(c) < 0x80 && c != '"' && c != '\\';
}

// The length of the well-formed multi-byte UTF-8 sequence that `rest` begins with, or 0 (Unicode,
// table 3-7).
std::size_t utf8_sequence(std::string_view rest) noexcept {
  const auto lead = byte_of(rest.front());
  const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                             : lead >= 0xe0 && lead <= 0xef ? 3
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                            : 0;
  if (length == 0 || rest.size() < length)
    return 0;
  const auto lowest = lead == 0xe0 ? 0xa0U : lead == 0xf0 ? 0x90U : 0x80U;  // no overlong forms
  const auto highest = lead == 0xed ? 0x9fU : lead == 0xf4 ? 0x8fU : 0xbfU; // no surrogates, no end
  if (byte_of(rest[1]) < lowest || byte_of(rest[1]) > highest)
    return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (byte_of(rest[i]) < 0x80 || byte_of(rest[i]) > 0xbf)
      return 0;
  return length;
}

void append_utf8(std::string& out, unsigned code_point) {
  const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

// Recursive descent; the depth limit bounds the recursion. Every step returns whether the text is
// valid so far.
class parser {
public:
  parser(std::string_view document, int depth_max,
         const std::function<void(const json_member&)>& visit)
      : document_(document), depth_max_(depth_max), visit_(visit) {}

  std::optional<std::string> run(json_kind wanted) {
    const auto is_object = wanted == json_kind::object;
    if (document_.starts_with("\xef\xbb\xbf"))
      return sentence("begins with a byte-order mark");
    skip_space();
    if (peek() != (is_object ? '{' : '['))
      return sentence(is_object ? "is not a JSON object" : "is not a JSON array");
    if (!(is_object ? object() : array()))
      return sentence(fault_);
    skip_space();
    if (at_ != document_.size())
      return sentence(is_object ? "has text after the JSON object"
                                : "has text after the JSON array");
    return std::nullopt;
  }

private:
  std::string sentence(const char* what) const {
    return std::string("the payload ") + what + " at byte " + std::to_string(at_);
  }

  bool fail(const char* what) noexcept {
    fault_ = what;
    return false;
  }

  // The next character; NUL at the end, which begins no token.
  char peek() const noexcept { return at_ < document_.size() ? document_[at_] : '\0'; }

  bool accept(char wanted) noexcept {
    if (peek() != wanted)
      return false;
    ++at_;
    return true;
  }

  void skip_space() noexcept {
    while (is_space(peek()))
      ++at_;
  }

  // `element` after `element`, with commas between, up to and with `close`. Stands at the opening
  // bracket.
  template <class Element>
  bool container(char close, Element element) {
    if (depth_ == depth_max_)
      return fail("is nested too deeply");
    ++depth_;
    ++at_;
    skip_space();
    if (!accept(close)) {
      do {
        skip_space();
        if (!element())
          return false;
        skip_space();
      } while (accept(','));
      if (!accept(close))
        return fail("lacks a comma or a closing bracket");
    }
    --depth_;
    return true;
  }

  bool object() {
    const auto outermost = depth_ == 0;
    return container('}', [this, outermost] {
      auto& name = outermost ? name_ : text_;
      if (peek() != '"')
        return fail("lacks a member's name");
      if (!string(name))
        return false;
      skip_space();
      if (!accept(':'))
        return fail("lacks a colon");
      skip_space();
      json_member member;
      if (!value(member))
        return false;
      if (outermost) {
        member.name = name_;
        visit_(member);
      }
      return true;
    });
  }

  bool array() {
    const auto outermost = depth_ == 0;
    return container(']', [this, outermost] {
      json_member element;
      if (!value(element))
        return false;
      if (outermost)
        visit_(element);
      return true;
    });
  }

  // Fills in kind and text.
  bool value(json_member& result) {
    const auto begin = at_;
    switch (peek()) {
    case '{':
      result.kind = json_kind::object;
      if (!object())
        return false;
      result.text = document_.substr(begin, at_ - begin);
      return true;
    case '[':
      result.kind = json_kind::array;
      if (!array())
        return false;
      result.text = document_.substr(begin, at_ - begin);
      return true;
    case '"':
      result.kind = json_kind::string;
      if (!string(text_))
        return false;
      result.text = text_;
      return true;
    case 't':
      result.kind = json_kind::boolean;
      result.text = "true";
      return literal(result.text);
    case 'f':
      result.kind = json_kind::boolean;
      result.text = "false";
      return literal(result.text);
    case 'n':
      result.kind = json_kind::null;
      return literal("null");
    default:
      result.kind = json_kind::number;
      return number(result.text);
    }
  }

  bool literal(std::string_view word) noexcept {
    if (!document_.substr(at_).starts_with(word))
      return fail("lacks a value");
    at_ += word.size();
    return true;
  }

  bool digits() noexcept {
    const auto begin = at_;
    while (is_digit(peek()))
      ++at_;
    if (at_ == begin)
      return fail("has a number that lacks a digit");
    return true;
  }

  bool number(std::string_view& token) noexcept {
    const auto begin = at_;
    if (!accept('-') && !is_digit(peek()))
      return fail("lacks a value");
    if (!accept('0') && !digits())
      return false;
    if (accept('.') && !digits())
      return false;
    if (accept('e') || accept('E')) {
      if (!accept('-'))
        accept('+');
      if (!digits())
        return false;
    }
    token = document_.substr(begin, at_ - begin);
    return true;
  }

  // Stands at the opening quote.
  bool string(std::string& out) {
    out.clear();
    ++at_;
    for (;;) {
      const auto begin = at_;
      while (at_ < document_.size() && is_plain(document_[at_]))
        ++at_;
      out.append(document_, begin, at_ - begin);
      if (accept('"'))
        return true;
      if (accept('\\')) {
        if (!escape(out))
          return false;
      } else if (at_ == document_.size()) {
        return fail("has a string without an end");
      } else if (byte_of(peek()) < 0x20) {
        return fail("has a control character in a string");
      } else if (const auto length = utf8_sequence(document_.substr(at_)); length > 0) {
        out.append(document_, at_, length);
        at_ += length;
      } else {
        return fail("is not UTF-8");
      }
    }
  }

  // Stands behind the backslash.
  bool escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    if (accept('u'))
      return unicode_escape(out);
    const auto which = at_ < document_.size() ? letters.find(document_[at_]) : letters.npos;
    if (which == letters.npos)
      return fail("has an unknown escape");
    out.push_back(meanings[which]);
    ++at_;
    return true;
  }

  // Stands behind the u.
  bool unicode_escape(std::string& out) {
    unsigned code_point = 0;
    if (!hex_digits(code_point))
      return false;
    if (code_point >= 0xdc00 && code_point <= 0xdfff)
      return fail("has a lone surrogate");
    if (code_point >= 0xd800 && code_point <= 0xdbff) {
      unsigned low = 0;
      if (!accept('\\') || !accept('u'))
        return fail("has a lone surrogate");
      if (!hex_digits(low))
        return false;
      if (low < 0xdc00 || low > 0xdfff)
        return fail("has a lone surrogate");
      code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code_point);
    return true;
  }

  bool hex_digits(unsigned& result) noexcept {
    result = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const auto c = peek();
      const auto letter = static_cast<char>(c | 0x20);
      if (is_digit(c))
        result = result * 16 + static_cast<unsigned>(c - '0');
      else if (letter >= 'a' && letter <= 'f')
        result = result * 16 + static_cast<unsigned>(letter - 'a' + 10);
      else
        return fail("has an escape without four hexadecimal digits");
    }
    return true;
  }

  std::string_view document_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int depth_max_;
  const std::function<void(const json_member&)>& visit_;
  const char* fault_ = "";
  std::string name_; // of the member of the outermost object at hand
  std::string text_; // of the string read last
};

} // namespace

std::optional<std::string> read_json_object(std::string_view document, int depth_max,
                                            const std::function<void(const json_member&)>& visit) {
  return parser(document, depth_max, visit).run(json_kind::object);
}

std::optional<std::string> read_json_array(std::string_view document, int depth_max,
                                           const std::function<void(const json_member&)>& visit) {
  return parser(document, depth_max, visit).run(json_kind::array);
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte_of(c) < 0x20) {
      out.append("\\u00");
      out.push_back(hex[byte_of(c) >> 4]);
      out.push_back(hex[byte_of(c) & 0xf]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string valid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto length = byte_of(text.front()) < 0x80 ? 1 : utf8_sequence(text);
    result.append(length == 0 ? "?" : text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

} // namespace ledgerd
