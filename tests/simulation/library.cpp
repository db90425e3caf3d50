// The functions of cnats that the daemon calls, over the simulated network: this binary's own take
// the place of the library's. What the library promises and what it does beside that (reconnecting
// by itself, keeping publications meanwhile, callbacks on threads of its own) is as in cnats 3.4.
#include <nats/nats.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "domain/assert.hpp"
#include "messaging/names.hpp"
#include "tests/simulation/network.hpp"

using ledgerd::sim::client_events;
using ledgerd::sim::connection;
using ledgerd::sim::interest;
using ledgerd::sim::machine;
using ledgerd::sim::milliseconds;
using ledgerd::sim::network;
using ledgerd::sim::packet;

struct __natsOptions {
  bool comes_back = true;
  std::int64_t timeout_ms = 2000;
  natsConnectionHandler disconnected = nullptr, reconnected = nullptr, closed = nullptr;
  void* disconnected_closure = nullptr;
  void* reconnected_closure = nullptr;
  void* closed_closure = nullptr;
};

struct __natsConnection {
  connection* link = nullptr;
};

struct __natsSubscription {
  natsConnection* of = nullptr;
  interest* what = nullptr;
};

// One that has come is kept as the library does it: subject, reply, block of headers and payload in
// one piece of memory, each with a zero byte at its end.
struct __natsMsg {
  packet what;
  std::string piece = {};
  std::size_t reply_at = 0;
  std::size_t payload_at = 0;
};

namespace {

machine& here() {
  LEDGERD_ASSERT(machine::present() != nullptr);
  return *machine::present();
}

network& net() {
  LEDGERD_ASSERT(network::present() != nullptr);
  return *network::present();
}

natsStatus state_of(const connection& link) {
  switch (link.at) {
  case connection::state::up:
    return NATS_OK;
  case connection::state::broken:
    return NATS_CONNECTION_DISCONNECTED;
  case connection::state::closed:
    break;
  }
  return NATS_CONNECTION_CLOSED;
}

std::size_t limited_bytes_of(const packet& one) {
  auto sum = one.payload.size();
  if (!one.headers.empty())
    sum += std::strlen("NATS/1.0\r\n\r\n");
  for (const auto& each : one.headers)
    sum += each.name.size() + each.value.size() + std::strlen(": \r\n");
  return sum;
}

natsStatus publish(natsConnection* on, packet one) {
  const auto bytes = limited_bytes_of(one);
  if (bytes > net().payload_max)
    return NATS_MAX_PAYLOAD;
  if (one.subject.ends_with(ledgerd::names::node_entries_suffix)
      && bytes > net().payload_max / 2) // the writer reckons with half as much again
    ++net().seen["frame as long as the server takes"];
  if (one.subject.empty() || one.subject.find_first_of(" \r\n\t") != std::string::npos)
    return NATS_INVALID_SUBJECT;
  if (on->link->at == connection::state::closed)
    return NATS_CONNECTION_CLOSED;
  return net().publish(*on->link, std::move(one)) ? NATS_OK : NATS_INSUFFICIENT_BUFFER;
}

// What the broker says instead of a message stands in the block's first line.
std::string block_of(const packet& one) {
  if (one.headers.empty())
    return {};
  const auto is_word = [](const auto& each) {
    return each.name == "Status" || each.name == "Description";
  };
  std::string result = "NATS/1.0";
  for (const auto& each : one.headers)
    if (is_word(each))
      result.append(" ").append(each.value);
  for (const auto& each : one.headers)
    if (!is_word(each))
      result.append("\r\n").append(each.name).append(": ").append(each.value);
  return result.append("\r\n\r\n");
}

natsMsg* received(packet&& one) {
  auto* result = new natsMsg{std::move(one)};
  auto& piece = result->piece;
  const auto add = [&](const std::string& part) { piece.append(part).push_back('\0'); };
  add(result->what.subject);
  result->reply_at = piece.size();
  if (!result->what.reply.empty())
    add(result->what.reply);
  if (const auto block = block_of(result->what); !block.empty())
    add(block);
  result->payload_at = piece.size();
  add(result->what.payload);
  return result;
}

packet packet_of(const char* subject, const char* reply, const void* data, int size) {
  return {.subject = subject,
          .reply = reply == nullptr ? "" : reply,
          .payload =
              size > 0 ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size))
                       : std::string()};
}

natsStatus subscribe(natsSubscription** result, natsConnection* on, const char* subject,
                     const char* group, natsMsgHandler handler, void* closure) {
  auto* made = new natsSubscription{on, nullptr}; // freed by nobody: others may still look at it
  std::function<void(packet &&)> hand_over;
  if (handler != nullptr)
    hand_over = [=](packet&& one) { handler(on, made, received(std::move(one)), closure); };
  made->what = net().subscribe(*on->link, subject, group == nullptr ? "" : group, hand_over);
  if (made->what == nullptr)
    return NATS_CONNECTION_CLOSED;
  *result = made;
  return NATS_OK;
}

std::string new_inbox() {
  return "_INBOX." + std::to_string(here().random.next());
}

} // namespace

extern "C" {

// -- options

natsStatus natsOptions_Create(natsOptions** result) {
  *result = new natsOptions;
  return NATS_OK;
}
void natsOptions_Destroy(natsOptions* options) {
  delete options;
}
natsStatus natsOptions_SetServers(natsOptions*, const char**, int) {
  return NATS_OK;
}
natsStatus natsOptions_SetUserCredentialsFromFiles(natsOptions*, const char*, const char*) {
  return NATS_OK;
}
natsStatus natsOptions_SetTimeout(natsOptions* options, int64_t ms) {
  options->timeout_ms = ms;
  return NATS_OK;
}
natsStatus natsOptions_SetName(natsOptions*, const char*) {
  return NATS_OK;
}
natsStatus natsOptions_SetAllowReconnect(natsOptions* options, bool allow) {
  options->comes_back = allow;
  return NATS_OK;
}
natsStatus natsOptions_SetMaxReconnect(natsOptions*, int) {
  return NATS_OK;
}
natsStatus natsOptions_SetReconnectWait(natsOptions*, int64_t) {
  return NATS_OK;
}
natsStatus natsOptions_SetReconnectJitter(natsOptions*, int64_t, int64_t) {
  return NATS_OK;
}
natsStatus natsOptions_SetReconnectBufSize(natsOptions*, int) {
  return NATS_OK;
}
natsStatus natsOptions_SetPingInterval(natsOptions*, int64_t) {
  return NATS_OK;
}
natsStatus natsOptions_SetMaxPingsOut(natsOptions*, int) {
  return NATS_OK;
}
natsStatus natsOptions_SetWriteDeadline(natsOptions*, int64_t) {
  return NATS_OK;
}
natsStatus natsOptions_SetFailRequestsOnDisconnect(natsOptions*, bool) {
  return NATS_OK;
}
natsStatus natsOptions_SetIOBufSize(natsOptions*, int) {
  return NATS_OK;
}
natsStatus natsOptions_SetSendAsap(natsOptions*, bool) {
  return NATS_OK;
}
natsStatus natsOptions_SetSecure(natsOptions*, bool) {
  return NATS_OK;
}
natsStatus natsOptions_LoadCATrustedCertificates(natsOptions*, const char*) {
  return NATS_OK;
}
natsStatus natsOptions_LoadCertificatesChain(natsOptions*, const char*, const char*) {
  return NATS_OK;
}
natsStatus natsOptions_SetDisconnectedCB(natsOptions* options, natsConnectionHandler call,
                                         void* closure) {
  options->disconnected = call;
  options->disconnected_closure = closure;
  return NATS_OK;
}
natsStatus natsOptions_SetReconnectedCB(natsOptions* options, natsConnectionHandler call,
                                        void* closure) {
  options->reconnected = call;
  options->reconnected_closure = closure;
  return NATS_OK;
}
natsStatus natsOptions_SetClosedCB(natsOptions* options, natsConnectionHandler call,
                                   void* closure) {
  options->closed = call;
  options->closed_closure = closure;
  return NATS_OK;
}
natsStatus natsOptions_SetErrorHandler(natsOptions*, natsErrHandler, void*) {
  return NATS_OK;
}

// -- connections

natsStatus natsConnection_Connect(natsConnection** result, natsOptions* options) {
  auto& on = here();
  const auto until = on.now + milliseconds{options->timeout_ms};
  on.sleep(on.random.between(milliseconds{1}, milliseconds{3}));
  auto* made = new natsConnection; // freed by nobody: others may still look at it
  const auto event = [made](natsConnectionHandler call, void* closure) -> std::function<void()> {
    if (call == nullptr)
      return nullptr;
    return [=] { call(made, closure); };
  };
  made->link = net().connect(on.running, options->comes_back,
                             {event(options->disconnected, options->disconnected_closure),
                              event(options->reconnected, options->reconnected_closure),
                              event(options->closed, options->closed_closure)});
  if (made->link == nullptr) {
    if (net().is_up()) // it does not answer at all
      on.wait(nullptr, until);
    return net().is_up() ? NATS_TIMEOUT : NATS_NO_SERVER;
  }
  *result = made;
  return NATS_OK;
}
void natsConnection_Close(natsConnection* on) {
  net().close(*on->link);
}
void natsConnection_Destroy(natsConnection* on) {
  net().close(*on->link);
}
natsConnStatus natsConnection_Status(natsConnection* on) {
  return on->link->at == connection::state::up       ? NATS_CONN_STATUS_CONNECTED
         : on->link->at == connection::state::broken ? NATS_CONN_STATUS_RECONNECTING
                                                     : NATS_CONN_STATUS_CLOSED;
}
natsStatus natsConnection_GetLastError(natsConnection*, const char** last) {
  *last = "";
  return NATS_OK;
}
int64_t natsConnection_GetMaxPayload(natsConnection*) {
  return static_cast<std::int64_t>(net().payload_max);
}

natsStatus natsConnection_FlushTimeout(natsConnection* on, int64_t timeout_ms) {
  auto& link = *on->link;
  if (const auto status = state_of(link); status != NATS_OK)
    return status;
  const auto until = here().now + milliseconds{timeout_ms};
  const auto breaks = link.breaks;
  const auto number = net().ping(link);
  while (link.last_pong < number) {
    if (link.breaks != breaks)
      return NATS_CONNECTION_DISCONNECTED;
    if (!here().wait(&link, until) && here().now >= until)
      return NATS_TIMEOUT;
  }
  return NATS_OK;
}

natsStatus natsConnection_Publish(natsConnection* on, const char* subject, const void* data,
                                  int size) {
  return publish(on, packet_of(subject, nullptr, data, size));
}
natsStatus natsConnection_PublishRequest(natsConnection* on, const char* subject, const char* reply,
                                         const void* data, int size) {
  return publish(on, packet_of(subject, reply, data, size));
}
natsStatus natsConnection_PublishMsg(natsConnection* on, natsMsg* message) {
  return publish(on, message->what);
}

natsStatus natsConnection_RequestString(natsMsg** result, natsConnection* on, const char* subject,
                                        const char* text, int64_t timeout_ms) {
  auto& link = *on->link;
  if (const auto status = state_of(link); status != NATS_OK)
    return status;
  const auto until = here().now + milliseconds{timeout_ms};
  const auto breaks = link.breaks;
  auto* inbox = net().subscribe(link, new_inbox(), "", nullptr);
  net().publish(link, {.subject = subject, .reply = inbox->subject, .payload = text});
  auto status = NATS_TIMEOUT;
  for (;;) {
    if (!inbox->arrived.empty()) {
      const bool nobody = inbox->arrived.front().value_of("Status") == "503";
      status = nobody ? NATS_NO_RESPONDERS : NATS_OK;
      if (!nobody)
        *result = received(std::move(inbox->arrived.front()));
      break;
    }
    if (link.breaks != breaks) {
      status = NATS_CONNECTION_DISCONNECTED;
      break;
    }
    if (!here().wait(inbox, until) && here().now >= until)
      break;
  }
  net().forget(link, *inbox);
  return status;
}

// -- subscriptions

natsStatus natsConnection_Subscribe(natsSubscription** result, natsConnection* on,
                                    const char* subject, natsMsgHandler handler, void* closure) {
  return subscribe(result, on, subject, nullptr, handler, closure);
}
natsStatus natsConnection_QueueSubscribe(natsSubscription** result, natsConnection* on,
                                         const char* subject, const char* group,
                                         natsMsgHandler handler, void* closure) {
  return subscribe(result, on, subject, group, handler, closure);
}
natsStatus natsSubscription_SetOnCompleteCB(natsSubscription* one, natsOnCompleteCB call,
                                            void* closure) {
  one->what->completed = [=] { call(closure); };
  return NATS_OK;
}
natsStatus natsSubscription_SetPendingLimits(natsSubscription*, int, int) {
  return NATS_OK;
}
natsStatus natsSubscription_Unsubscribe(natsSubscription* one) {
  net().unsubscribe(*one->of->link, *one->what, false);
  return NATS_OK;
}
natsStatus natsSubscription_Drain(natsSubscription* one) {
  net().unsubscribe(*one->of->link, *one->what, true);
  return NATS_OK;
}
void natsSubscription_Destroy(natsSubscription*) {}

// -- messages

natsStatus natsMsg_Create(natsMsg** result, const char* subject, const char* reply,
                          const char* data, int size) {
  *result = new natsMsg{packet_of(subject, reply, data, size)};
  return NATS_OK;
}
void natsMsg_Destroy(natsMsg* message) {
  delete message;
}
const char* natsMsg_GetSubject(const natsMsg* message) {
  return message->piece.c_str();
}
const char* natsMsg_GetReply(const natsMsg* message) {
  return message->what.reply.empty() ? nullptr : message->piece.c_str() + message->reply_at;
}
const char* natsMsg_GetData(const natsMsg* message) {
  return message->piece.c_str() + message->payload_at;
}
int natsMsg_GetDataLength(const natsMsg* message) {
  return static_cast<int>(message->what.payload.size());
}
natsStatus natsMsgHeader_Set(natsMsg* message, const char* name, const char* value) {
  std::erase_if(message->what.headers, [&](const auto& each) { return each.name == name; });
  message->what.headers.push_back({name, value});
  return NATS_OK;
}
natsStatus natsMsgHeader_Add(natsMsg* message, const char* name, const char* value) {
  message->what.headers.push_back({name, value});
  return NATS_OK;
}
// -- the rest

natsStatus natsInbox_Create(natsInbox** result) {
  *result = strdup(new_inbox().c_str());
  return NATS_OK;
}
void natsInbox_Destroy(natsInbox* inbox) {
  std::free(inbox);
}
const char* nats_GetLastError(natsStatus* status) {
  *status = NATS_OK;
  return "";
}
const char* natsStatus_GetText(natsStatus status) {
  switch (status) {
  case NATS_OK:
    return "OK";
  case NATS_TIMEOUT:
    return "Timeout";
  case NATS_NO_RESPONDERS:
    return "No responders are available for request";
  case NATS_NOT_PERMITTED:
    return "Not Permitted";
  case NATS_CONNECTION_CLOSED:
    return "Connection Closed";
  case NATS_CONNECTION_DISCONNECTED:
    return "Connection Disconnected";
  default:
    return "Error";
  }
}
uint32_t nats_GetVersionNumber(void) {
  return 0x030401;
}
void nats_ReleaseThreadMemory(void) {}

} // extern "C"
