#include "app/import/balance_file.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "app/base/text.hpp"
#include "messaging/balance_codec.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t line_bytes_max = payload_bytes_max;

using csv_fields = std::vector<std::string>;

enum class csv_fault : std::uint8_t { open_quote, stray_quote };

// The fields of one record, or why it is none.
std::variant<csv_fields, csv_fault> split_csv(std::string_view line) {
  csv_fields fields;
  for (;;) {
    auto& field = fields.emplace_back();
    if (line.starts_with('"')) {
      line.remove_prefix(1);
      for (;;) {
        const auto quote = line.find('"');
        if (quote == std::string_view::npos)
          return csv_fault::open_quote;
        field.append(line.substr(0, quote));
        line.remove_prefix(quote + 1);
        if (!line.starts_with('"'))
          break;
        field += '"'; // a doubled one
        line.remove_prefix(1);
      }
      if (!line.empty() && line.front() != ',')
        return csv_fault::stray_quote;
    } else {
      const auto end = std::min(line.find(','), line.size());
      field = line.substr(0, end);
      line.remove_prefix(end);
      if (field.find('"') != std::string::npos)
        return csv_fault::stray_quote;
    }
    if (line.empty())
      return fields;
    line.remove_prefix(1);
  }
}

// std::cin shows a read that failed as an end.
bool has_failed(const std::istream& in) {
  return in.bad() || (&in == &std::cin && std::ferror(stdin) != 0);
}

class reader {
public:
  explicit reader(const currency_table& currencies) : currencies_{currencies} {}

  balance_file read(std::istream& in) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    for (std::string line; std::getline(in, line);) {
      ++line_;
      if (line_ == 1 && line.starts_with(byte_order_mark))
        line.erase(0, byte_order_mark.size());
      if (line.ends_with('\r'))
        line.pop_back();
      if (line.find_first_not_of(" \t") != std::string::npos)
        take(line, !in.eof());
    }
    if (has_failed(in))
      fault("the input could not be read to its end; nothing after this line was looked at");
    else if (!seen_)
      fault("the file is empty");
    return std::move(result_);
  }

private:
  enum class form { json, csv };

  // `ended`: by a line end, and not by the end of the input alone.
  void take(const std::string& line, bool ended) {
    const bool first = !std::exchange(seen_, true);
    if (first)
      form_ = trimmed(line).starts_with('{') ? form::json : form::csv;
    if (line.size() > line_bytes_max)
      return fault("the line has " + std::to_string(line.size()) + " bytes, more than "
                   + std::to_string(line_bytes_max));
    if (form_ == form::json)
      return add(decode_balance(line, currencies_)); // an object that is cut off is none
    if (!ended)
      return fault("the last line has no line end: it may be cut off within a balance");
    if (is_rest_of_record(line))
      return;
    const auto split = split_csv(line);
    const auto* fields = std::get_if<csv_fields>(&split);
    if (fields == nullptr)
      return take_fault(std::get<csv_fault>(split), line);
    if (first)
      return take_header(*fields);
    if (columns_)
      take_record(*fields);
  }

  // What follows a line break in a quoted field: that break is the fault, and is told already.
  bool is_rest_of_record(const std::string& line) {
    if (open_.empty())
      return false;
    const auto split = split_csv(std::exchange(open_, {}) + "\n" + line);
    const auto* fields = std::get_if<csv_fields>(&split);
    return fields != nullptr && fields->size() == width_;
  }

  void take_fault(csv_fault what, const std::string& line) {
    if (what == csv_fault::stray_quote)
      return fault("a quote stands inside a field without quotes, or text behind a closing quote");
    open_ = line;
    fault("a quote is not closed; a line break in a quoted field is not supported");
  }

  void take_header(const std::vector<std::string>& names) {
    std::array<std::size_t, 3> places{};
    constexpr std::array<std::string_view, 3> wanted{"user", "currency", "balance"};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto is_wanted = [&](const std::string& name) {
        return same_word(trimmed(name), wanted[i]);
      };
      const auto found = std::find_if(names.begin(), names.end(), is_wanted);
      if (found == names.end() || std::any_of(found + 1, names.end(), is_wanted))
        return fault("the first line must name the columns user, currency and balance, each once; "
                     "nothing after it was looked at");
      places[i] = static_cast<std::size_t>(found - names.begin());
    }
    width_ = names.size();
    columns_ = places;
  }

  void take_record(const std::vector<std::string>& fields) {
    if (fields.size() != width_)
      return fault("the line has " + std::to_string(fields.size()) + " fields, the header "
                   + std::to_string(width_));
    const auto [user, currency, balance] = *columns_;
    add(read_balance(fields[user], fields[currency], fields[balance], currencies_));
  }

  void add(std::variant<account_balance_line, rejection>&& read) {
    if (const auto* why = std::get_if<rejection>(&read))
      return fault(why->detail);
    auto& [account, balance] = std::get<account_balance_line>(read);
    const auto [first, fresh] = lines_.try_emplace(account, line_);
    if (!fresh)
      return fault("account " + account.user_id + "/" + std::string{account.currency.text()}
                   + " stands in line " + std::to_string(first->second) + " already");
    if (trimmed(account.user_id) != account.user_id && result_.padded_count++ == 0)
      result_.first_padded = line_;
    result_.totals[account.currency].add(balance);
    result_.rows.push_back({std::move(account), balance, line_});
  }

  void fault(std::string rule) {
    if (++result_.fault_count <= balance_file::faults_listed)
      result_.faults.push_back({line_, std::move(rule)});
  }

  const currency_table& currencies_;
  balance_file result_;
  std::unordered_map<account_key, std::uint64_t, account_key_hash> lines_;
  std::uint64_t line_ = 0;
  bool seen_ = false; // a line that is not blank
  form form_ = form::csv;
  std::optional<std::array<std::size_t, 3>> columns_; // nothing: there is no header that helps
  std::size_t width_ = 0;
  std::string open_; // the line before, if it has a quote that is not closed
};

} // namespace

void balance_total::add(money balance) {
  ++accounts_;
  sum_ += static_cast<std::uint64_t>(balance.minor_units());
}

std::string balance_total::text(int exponent) const {
  std::string digits;
  for (auto rest = sum_; rest != 0 || digits.size() <= static_cast<std::size_t>(exponent);
       rest /= 10)
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
  std::reverse(digits.begin(), digits.end());
  if (exponent > 0)
    digits.insert(digits.size() - static_cast<std::size_t>(exponent), 1, '.');
  return digits;
}

balance_file read_balances(std::istream& in, const currency_table& currencies) {
  return reader{currencies}.read(in);
}

} // namespace ledgerd
