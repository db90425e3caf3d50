#include "messaging/nats/connection.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

#include "messaging/nats/js_api.hpp"
#include "messaging/nats/server_urls.hpp"
#include "messaging/nats/tls.hpp"
#include "messaging/wire/header_text.hpp"

namespace ledgerd {

namespace {

constexpr int pings_out_max = 2;
constexpr int reconnect_wait_ms = 250;
constexpr int reconnect_jitter_ms = 250;
constexpr int reconnect_buffer_bytes = 1 << 20;
constexpr int reconnect_buffer_none = 1; // 0 would be the library's own choice
constexpr int io_buffer_bytes = 64 * 1024;
constexpr std::size_t spent_count_max = 64;
constexpr std::size_t library_error_bytes = 255;
constexpr std::size_t spent_bytes_max = 256 * 1024;

// The library does not say when it is done with a callback's closure, so closures are numbers
// looked up here. A callback runs under the mutex: once `remove` returns, none is running and none
// will.
class event_registry {
public:
  std::uintptr_t add(session_events* events) {
    std::lock_guard lock(mutex_);
    entries_.emplace(++last_id_, events);
    return last_id_;
  }

  void remove(std::uintptr_t id) {
    std::lock_guard lock(mutex_);
    entries_.erase(id);
  }

  template <class Call>
  void dispatch(void* closure, Call call) {
    std::lock_guard lock(mutex_);
    if (auto found = entries_.find(reinterpret_cast<std::uintptr_t>(closure));
        found != entries_.end())
      call(*found->second);
  }

private:
  std::mutex mutex_;
  std::uintptr_t last_id_ = 0;
  std::unordered_map<std::uintptr_t, session_events*> entries_;
};

event_registry& registry() {
  // Never destroyed: the library's threads may outlive static destruction.
  static auto* instance = new event_registry;
  return *instance;
}

void on_disconnected(natsConnection*, void* closure) {
  registry().dispatch(closure, [](session_events& events) { events.session_disconnected(); });
}

void on_reconnected(natsConnection*, void* closure) {
  registry().dispatch(closure, [](session_events& events) { events.session_reconnected(); });
}

void on_closed(natsConnection*, void* closure) {
  registry().dispatch(closure, [](session_events& events) { events.session_closed(); });
}

// The subscription may be gone by now (cnats 3.4.1): it is not touched. What is told here is this
// thread's last error. The connection's own is that of the last event, of several that came
// together, and the next one may be written over it while it is read.
void on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* closure) {
  auto text = nats_error_text(status);
  const char* last = nullptr;
  if (text == natsStatus_GetText(status)
      && natsConnection_GetLastError(connection, &last) != NATS_OK && last != nullptr
      && *last != '\0')
    text.append(": ").append(last, strnlen(last, library_error_bytes));
  registry().dispatch(closure, [&](session_events& events) {
    events.session_error(status == NATS_SLOW_CONSUMER, text);
  });
}

// What a subscription's thread works with.
struct receiver {
  std::shared_ptr<message_sink> sink;
  std::shared_ptr<std::atomic<std::uint64_t>> signs;
  spent_messages spent;
};

void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  auto* to = static_cast<receiver*>(closure);
  to->signs->fetch_add(1, std::memory_order_relaxed);
  to->sink->receive(message);
  to->spent.add(message);
}

void on_subscription_complete(void* closure) {
  delete static_cast<receiver*>(closure);
}

struct options_deleter {
  void operator()(natsOptions* options) const noexcept { natsOptions_Destroy(options); }
};
using options_ptr = std::unique_ptr<natsOptions, options_deleter>;

options_ptr make_options(const broker_options& broker, const session_options& options,
                         std::uintptr_t events_id) {
  natsOptions* raw = nullptr;
  if (natsOptions_Create(&raw) != NATS_OK)
    throw std::runtime_error("NATS: out of memory");
  options_ptr result(raw);
  auto check = [](natsStatus status) {
    if (status != NATS_OK)
      throw std::runtime_error("NATS options: " + nats_error_text(status));
  };
  // https://github.com/nats-io/nats.c/pull/765
  const bool decodes_credentials = nats_GetVersionNumber() >= 0x030900;
  auto urls = split_urls(broker.url);
  if (urls.empty())
    throw std::runtime_error("NATS: no URL given");
  std::vector<const char*> servers;
  servers.reserve(urls.size());
  for (auto& url : urls) {
    url = decodes_credentials ? encode_credentials(url) : decode_credentials(url);
    servers.push_back(url.c_str());
  }
  check(natsOptions_SetServers(raw, servers.data(), static_cast<int>(servers.size())));
  const bool secure = is_secure(urls);
  if (secure)
    secure_options(raw, broker);
  if (!broker.credentials_file.empty())
    check(natsOptions_SetUserCredentialsFromFiles(raw, broker.credentials_file.c_str(), nullptr));
  // The limit is for the whole attempt; the library applies it to each server in turn.
  const auto share = broker.connect_timeout.count() / static_cast<std::int64_t>(servers.size());
  check(natsOptions_SetTimeout(raw, std::max<std::int64_t>(share, 100)));
  check(natsOptions_SetName(raw, options.name.c_str()));
  // The library would wait for a handshake as long as it takes, with its connection locked: over
  // TLS the lifeline makes a new session instead.
  check(natsOptions_SetAllowReconnect(raw, options.reconnect && !secure));
  check(natsOptions_SetMaxReconnect(raw, -1));
  check(natsOptions_SetReconnectWait(raw, reconnect_wait_ms));
  check(natsOptions_SetReconnectJitter(raw, reconnect_jitter_ms, reconnect_jitter_ms));
  check(natsOptions_SetReconnectBufSize(raw, options.keep ? reconnect_buffer_bytes
                                                          : reconnect_buffer_none));
  check(natsOptions_SetPingInterval(raw, broker.ping_interval.count()));
  check(natsOptions_SetMaxPingsOut(raw, pings_out_max));
  check(natsOptions_SetWriteDeadline(raw, broker.write_deadline.count()));
  check(natsOptions_SetFailRequestsOnDisconnect(raw, true));
  check(natsOptions_SetIOBufSize(raw, io_buffer_bytes));
  check(natsOptions_SetSendAsap(raw, options.immediate));
  if (events_id != 0) {
    // A number, not an object: the library only carries it.
    auto* closure = reinterpret_cast<void*>(events_id); // NOLINT(performance-no-int-to-ptr)
    check(natsOptions_SetDisconnectedCB(raw, on_disconnected, closure));
    check(natsOptions_SetReconnectedCB(raw, on_reconnected, closure));
    check(natsOptions_SetClosedCB(raw, on_closed, closure));
    check(natsOptions_SetErrorHandler(raw, on_error, closure));
  }
  return result;
}

// A value as everybody reads it: on one line, without blanks around it. The library, with which
// others read, takes the line after an empty value for that value: such a header is left out.
std::string readable_value(std::string_view value) {
  auto result = without_breaks(value);
  const auto last = result.find_last_not_of(" \t\v\f");
  result.resize(last == std::string::npos ? 0 : last + 1);
  result.erase(0, result.find_first_not_of(" \t\v\f"));
  return result;
}

// Throws the reason, which may hold a secret.
void connect_to_server(nats_connection*& to, natsOptions* settings, const broker_options& broker) {
  const auto [status, error] = is_secure(split_urls(broker.url))
                                   ? connect_within(&to, settings, broker.connect_timeout)
                                   : connect_now(&to, settings);
  if (status == NATS_OK)
    return;
  const auto text = "cannot connect to " + broker.url + ": " + error;
  constexpr std::array refusals{NATS_CONNECTION_AUTH_FAILED, NATS_NOT_PERMITTED, NATS_SSL_ERROR,
                                NATS_SECURE_CONNECTION_WANTED};
  if (std::find(refusals.begin(), refusals.end(), status) != refusals.end())
    throw broker_refused(text);
  throw std::runtime_error(text);
}

} // namespace

std::string nats_error_text(int status) {
  std::string text = natsStatus_GetText(static_cast<natsStatus>(status));
  natsStatus last_status = NATS_OK;
  if (const char* last = nats_GetLastError(&last_status);
      last != nullptr && *last != '\0' && static_cast<int>(last_status) == status && text != last)
    text.append(": ").append(last);
  return text;
}

// -- spent_messages

void spent_messages::add(nats_message* message) {
  messages_.push_back(message);
  bytes_ += static_cast<std::size_t>(natsMsg_GetDataLength(message));
  if (messages_.size() >= spent_count_max || bytes_ >= spent_bytes_max)
    destroy();
}

void spent_messages::destroy() noexcept {
  for (auto* message : messages_)
    natsMsg_Destroy(message);
  messages_.clear();
  bytes_ = 0;
}

// -- session

std::shared_ptr<session> session::open(const broker_options& broker,
                                       const session_options& options) {
  std::shared_ptr<session> result(new session);
  if (options.events != nullptr)
    result->events_id_ = registry().add(options.events);
  try {
    result->api_prefix_ = api_prefix_of(broker);
    result->keep_ = options.keep;
    const auto settings = make_options(broker, options, result->events_id_);
    connect_to_server(result->connection_, settings.get(), broker);
    result->learn_limit();
  } catch (const broker_refused& error) {
    throw broker_refused(redact(error.what(), broker.url));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(redact(error.what(), broker.url));
  }
  return result;
}

void session::silence() {
  if (events_id_ != 0)
    registry().remove(events_id_);
}

// Closing ends the reading thread: from here on nothing looks up a subscription.
void session::close() {
  natsConnection_Close(connection_);
  const std::lock_guard lock(subscriptions_mutex_);
  freed_ = true;
  for (auto* of : {&standing_, &ended_}) {
    for (auto* one : *of)
      natsSubscription_Destroy(one);
    of->clear();
  }
  count_subscriptions();
}

bool session::ping(std::chrono::milliseconds at_most) {
  if (natsConnection_FlushTimeout(connection_, at_most.count()) != NATS_OK)
    return false;
  signs_->fetch_add(1, std::memory_order_relaxed);
  learn_limit();
  return true;
}

session::~session() {
  silence();
  if (connection_ == nullptr)
    return;
  close();
  natsConnection_Destroy(connection_);
}

std::string session::make_inbox() const {
  natsInbox* inbox = nullptr;
  if (natsInbox_Create(&inbox) != NATS_OK)
    throw std::runtime_error("NATS: out of memory");
  std::string result = inbox;
  natsInbox_Destroy(inbox);
  return result;
}

nats_subscription* session::subscribe(const std::string& subject,
                                      std::shared_ptr<message_sink> sink,
                                      const std::string& queue_group, pending_limits pending) {
  natsSubscription* subscription = nullptr;
  auto holder = std::make_unique<receiver>();
  holder->sink = std::move(sink);
  holder->signs = signs_;
  const auto status =
      queue_group.empty()
          ? natsConnection_Subscribe(&subscription, connection_, subject.c_str(), on_message,
                                     holder.get())
          : natsConnection_QueueSubscribe(&subscription, connection_, subject.c_str(),
                                          queue_group.c_str(), on_message, holder.get());
  if (status != NATS_OK)
    return nullptr;
  // Freed by the subscription's thread when it ends. Should nobody be able to tell when that is, it
  // is never freed: a message may be in the sink's hands.
  auto* released = holder.release();
  const bool told =
      natsSubscription_SetOnCompleteCB(subscription, on_subscription_complete, released) == NATS_OK;
  if (told)
    natsSubscription_SetPendingLimits(subscription, pending.messages, pending.bytes);
  else
    natsSubscription_Unsubscribe(subscription);
  const std::lock_guard lock(subscriptions_mutex_);
  if (freed_) { // closed meanwhile
    natsSubscription_Destroy(subscription);
    return nullptr;
  }
  (told ? standing_ : ended_).insert(subscription);
  count_subscriptions();
  return told ? subscription : nullptr;
}

void session::unsubscribe(nats_subscription* subscription) {
  const std::lock_guard lock(subscriptions_mutex_);
  if (end(subscription))
    natsSubscription_Unsubscribe(subscription);
}

void session::drain(nats_subscription* subscription) {
  const std::lock_guard lock(subscriptions_mutex_);
  if (end(subscription))
    natsSubscription_Drain(subscription);
}

bool session::end(nats_subscription* one) {
  if (standing_.erase(one) == 0)
    return ended_.contains(one);
  ended_.insert(one);
  count_subscriptions();
  return true;
}

void session::count_subscriptions() noexcept {
  standing_count_.store(standing_.size(), std::memory_order_relaxed);
  ended_count_.store(ended_.size(), std::memory_order_relaxed);
}

// A buffer of one byte still takes one message (cnats 3.4.1).
bool session::is_away() const noexcept {
  return !keep_ && natsConnection_Status(connection_) != NATS_CONN_STATUS_CONNECTED;
}

std::string session::publish(const std::string& subject, const std::string& reply,
                             std::string_view payload) {
  if (is_away())
    return nats_error_text(NATS_CONNECTION_DISCONNECTED);
  const auto size = static_cast<int>(payload.size());
  const auto status =
      reply.empty() ? natsConnection_Publish(connection_, subject.c_str(), payload.data(), size)
                    : natsConnection_PublishRequest(connection_, subject.c_str(), reply.c_str(),
                                                    payload.data(), size);
  return status == NATS_OK ? std::string() : nats_error_text(status);
}

session::acceptance session::publish(const outgoing& message, const std::string& reply) {
  if (is_away())
    return {publish_outcome::cut_off, nats_error_text(NATS_CONNECTION_DISCONNECTED)};
  natsMsg* raw = nullptr;
  auto status =
      natsMsg_Create(&raw, message.subject.c_str(), reply.empty() ? nullptr : reply.c_str(),
                     message.payload.data(), static_cast<int>(message.payload.size()));
  if (status == NATS_OK && !message.message_id.empty())
    status = natsMsgHeader_Set(raw, "Nats-Msg-Id", message.message_id.c_str());
  for (const auto& one : message.headers)
    if (const auto value = readable_value(one.value); status == NATS_OK && !value.empty())
      status = natsMsgHeader_Add(raw, one.name.c_str(), value.c_str());
  const bool built = status == NATS_OK || status == NATS_NO_MEMORY;
  if (status == NATS_OK)
    status = natsConnection_PublishMsg(connection_, raw);
  if (raw != nullptr) {
    std::lock_guard lock(spent_mutex_);
    spent_.add(raw);
  }
  if (status == NATS_OK)
    return {};
  const auto outcome = status == NATS_MAX_PAYLOAD                 ? publish_outcome::too_large
                       : !built || status == NATS_INVALID_SUBJECT ? publish_outcome::refused
                                                                  : publish_outcome::cut_off;
  return {outcome, nats_error_text(status)};
}

void session::learn_limit() {
  const auto limit = std::max<std::int64_t>(natsConnection_GetMaxPayload(connection_), 0);
  message_bytes_max_.store(static_cast<std::size_t>(limit), std::memory_order_relaxed);
}

} // namespace ledgerd
