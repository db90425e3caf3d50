// The live page: static files that the build puts into the program. They hold nothing of the node,
// so they are served without a token; what the page shows it asks for with one.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "app/http/server.hpp"

namespace ledgerd {

struct page_file {
  std::string_view path; // of its route: / or /page/NAME
  std::string_view content_type;
  std::string_view etag; // with its quotes
  std::string_view text;
};

// All files in app/page/files/.
std::span<const page_file> page_files();

std::vector<http_route> make_page_routes();

} // namespace ledgerd
