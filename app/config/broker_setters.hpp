// The setters of the broker's options that have a rule of their own, and the rules that several of
// them must keep together. Private to this wing; pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/config/config.hpp"

namespace ledgerd {

// Each returns the rule that the text breaks, as the end of a sentence, or an empty text.
std::string set_nats_url(config& c, std::string_view text);
std::string set_reply_prefix(config& c, std::string_view text);
std::string set_js_domain(config& c, std::string_view text);
std::string set_js_api_prefix(config& c, std::string_view text);

// One sentence for each rule that is broken.
std::vector<std::string> broker_faults(const broker_settings& settings);

} // namespace ledgerd
