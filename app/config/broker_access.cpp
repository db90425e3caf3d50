#include "app/config/broker_access.hpp"

#include <utility>

#include "app/config/config.hpp"

namespace ledgerd {

broker_options broker_access(const broker_settings& settings, std::string client_name) {
  broker_options options;
  options.url = settings.nats_url;
  options.read_url = [settings] { return read_nats_url(settings); };
  options.credentials_file = settings.nats_creds_file;
  options.ca_file = settings.nats_ca_file;
  options.certificate_file = settings.nats_cert_file;
  options.key_file = settings.nats_key_file;
  options.js_domain = settings.nats_js_domain;
  options.js_api_prefix = settings.nats_js_api_prefix;
  options.client_name = std::move(client_name);
  options.reply_prefix = settings.nats_reply_prefix;
  return options;
}

} // namespace ledgerd
