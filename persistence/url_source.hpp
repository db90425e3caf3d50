// Where the URL of a database comes from. It is asked again for every new connection, so that a
// password that was changed in its file is found there.
#pragma once

#include <functional>
#include <string>
#include <utility>

namespace ledgerd {

// May be called by several threads at once when the function it was made from may.
class url_source {
public:
  url_source(std::string fixed) : read_([fixed = std::move(fixed)] { return fixed; }) {}
  url_source(const char* fixed) : url_source(std::string(fixed)) {}

  // `read` gives the URL as it is now; it may throw std::exception, which counts as a database that
  // is away.
  explicit url_source(std::function<std::string()> read) : read_(std::move(read)) {}

  std::string operator()() const { return read_(); }

private:
  std::function<std::string()> read_;
};

} // namespace ledgerd
