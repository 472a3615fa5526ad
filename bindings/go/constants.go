// SPDX-License-Identifier: Apache-2.0

package sessile

import "sessile.dev/go/internal/core"

// Role is which end of a session this is.
type Role int

// The library's headers say what each stands for.
const (
	Client Role = Role(core.CLIENT)
	Server Role = Role(core.SERVER)
)

// Notice says what Handlers.Notice is called with.
type Notice int

// The library's headers say what each stands for.
const (
	NoticeTLSTicket         Notice = Notice(core.NOTICE_TLS_TICKET)
	NoticeTLSKeylog         Notice = Notice(core.NOTICE_TLS_KEYLOG)
	NoticeSSHKeylog         Notice = Notice(core.NOTICE_SSH_KEYLOG)
	NoticeSSHBanner         Notice = Notice(core.NOTICE_SSH_BANNER)
	NoticeSSHDebug          Notice = Notice(core.NOTICE_SSH_DEBUG)
	NoticeSSHDisconnect     Notice = Notice(core.NOTICE_SSH_DISCONNECT)
	NoticeSSHAlive          Notice = Notice(core.NOTICE_SSH_ALIVE)
	NoticeSSHForwarded      Notice = Notice(core.NOTICE_SSH_FORWARDED)
	NoticeSSHForwardRefused Notice = Notice(core.NOTICE_SSH_FORWARD_REFUSED)
	NoticeSSHRekeyed        Notice = Notice(core.NOTICE_SSH_REKEYED)
	NoticeAgentReply        Notice = Notice(core.NOTICE_AGENT_REPLY)
)

// Counter names what Session.Count tells.
type Counter int

// The library's headers say what each stands for.
const (
	CountOffered Counter = Counter(core.COUNT_OFFERED)
	CountTaken   Counter = Counter(core.COUNT_TAKEN)
	CountUnits   Counter = Counter(core.COUNT_UNITS)
	CountSent    Counter = Counter(core.COUNT_SENT)
	CountSends   Counter = Counter(core.COUNT_SENDS)
	CountDataIn  Counter = Counter(core.COUNT_DATA_IN)
	CountDataOut Counter = Counter(core.COUNT_DATA_OUT)
)

// QuestionKind is what a question is about.
type QuestionKind int

// The library's headers say what each stands for.
const (
	QuestionTLSPeer           QuestionKind = QuestionKind(core.QUESTION_TLS_PEER)
	QuestionTLSHello          QuestionKind = QuestionKind(core.QUESTION_TLS_HELLO)
	QuestionSSHHostKey        QuestionKind = QuestionKind(core.QUESTION_SSH_HOST_KEY)
	QuestionSSHHostKeys       QuestionKind = QuestionKind(core.QUESTION_SSH_HOST_KEYS)
	QuestionSSHAuthenticate   QuestionKind = QuestionKind(core.QUESTION_SSH_AUTHENTICATE)
	QuestionSSHPasswordChange QuestionKind = QuestionKind(core.QUESTION_SSH_PASSWORD_CHANGE)
	QuestionSSHPrompts        QuestionKind = QuestionKind(core.QUESTION_SSH_PROMPTS)
	QuestionSSHSign           QuestionKind = QuestionKind(core.QUESTION_SSH_SIGN)
	QuestionSSHUser           QuestionKind = QuestionKind(core.QUESTION_SSH_USER)
	QuestionSSHResponses      QuestionKind = QuestionKind(core.QUESTION_SSH_RESPONSES)
	QuestionSSHChannel        QuestionKind = QuestionKind(core.QUESTION_SSH_CHANNEL)
	QuestionSSHRequest        QuestionKind = QuestionKind(core.QUESTION_SSH_REQUEST)
	QuestionSSHForward        QuestionKind = QuestionKind(core.QUESTION_SSH_FORWARD)
)

// Item is a part of a question, or of its answer.
type Item int

// The library's headers say what each stands for.
const (
	ItemCertificate Item = Item(core.ITEM_CERTIFICATE)
	ItemHost        Item = Item(core.ITEM_HOST)
	ItemVerifyCode  Item = Item(core.ITEM_VERIFY_CODE)
	ItemVerifyText  Item = Item(core.ITEM_VERIFY_TEXT)
	ItemResumed     Item = Item(core.ITEM_RESUMED)
	ItemSNI         Item = Item(core.ITEM_SNI)
	ItemALPN        Item = Item(core.ITEM_ALPN)
	ItemVersion     Item = Item(core.ITEM_VERSION)
	ItemCipher      Item = Item(core.ITEM_CIPHER)
	ItemPort        Item = Item(core.ITEM_PORT)
	ItemKey         Item = Item(core.ITEM_KEY)
	ItemOldKey      Item = Item(core.ITEM_OLD_KEY)
	ItemFingerprint Item = Item(core.ITEM_FINGERPRINT)
	ItemStatus      Item = Item(core.ITEM_STATUS)
	ItemUser        Item = Item(core.ITEM_USER)
	ItemMethod      Item = Item(core.ITEM_METHOD)
	ItemPartial     Item = Item(core.ITEM_PARTIAL)
	ItemTried       Item = Item(core.ITEM_TRIED)
	ItemPassword    Item = Item(core.ITEM_PASSWORD)
	ItemNewPassword Item = Item(core.ITEM_NEW_PASSWORD)
	ItemPrompt      Item = Item(core.ITEM_PROMPT)
	ItemEcho        Item = Item(core.ITEM_ECHO)
	ItemName        Item = Item(core.ITEM_NAME)
	ItemInstruction Item = Item(core.ITEM_INSTRUCTION)
	ItemResponse    Item = Item(core.ITEM_RESPONSE)
	ItemAlgorithm   Item = Item(core.ITEM_ALGORITHM)
	ItemData        Item = Item(core.ITEM_DATA)
	ItemSignature   Item = Item(core.ITEM_SIGNATURE)
	ItemService     Item = Item(core.ITEM_SERVICE)
	ItemVerified    Item = Item(core.ITEM_VERIFIED)
	ItemHostUser    Item = Item(core.ITEM_HOST_USER)
	ItemType        Item = Item(core.ITEM_TYPE)
	ItemOrigin      Item = Item(core.ITEM_ORIGIN)
	ItemOriginPort  Item = Item(core.ITEM_ORIGIN_PORT)
	ItemPath        Item = Item(core.ITEM_PATH)
	ItemTerm        Item = Item(core.ITEM_TERM)
	ItemColumns     Item = Item(core.ITEM_COLUMNS)
	ItemRows        Item = Item(core.ITEM_ROWS)
	ItemWidth       Item = Item(core.ITEM_WIDTH)
	ItemHeight      Item = Item(core.ITEM_HEIGHT)
	ItemModes       Item = Item(core.ITEM_MODES)
	ItemValue       Item = Item(core.ITEM_VALUE)
	ItemCommand     Item = Item(core.ITEM_COMMAND)
	ItemSingle      Item = Item(core.ITEM_SINGLE)
	ItemProtocol    Item = Item(core.ITEM_PROTOCOL)
	ItemCookie      Item = Item(core.ITEM_COOKIE)
	ItemScreen      Item = Item(core.ITEM_SCREEN)
)

// Algorithms is a kind of algorithm list.
type Algorithms int

// The library's headers say what each stands for.
const (
	AlgorithmsKEX          Algorithms = Algorithms(core.SSH_KEX)
	AlgorithmsHostKeys     Algorithms = Algorithms(core.SSH_HOST_KEYS)
	AlgorithmsCiphers      Algorithms = Algorithms(core.SSH_CIPHERS)
	AlgorithmsMACs         Algorithms = Algorithms(core.SSH_MACS)
	AlgorithmsCompression  Algorithms = Algorithms(core.SSH_COMPRESSION)
	AlgorithmsUserKeys     Algorithms = Algorithms(core.SSH_USER_KEYS)
	AlgorithmsCASignatures Algorithms = Algorithms(core.SSH_CA_SIGNATURES)
)

// Limit is what an SSH session may hold or let pass; the library's ssh.h has units and defaults.
type Limit int

// The library's headers say what each stands for.
const (
	LimitMemory       Limit = Limit(core.SSH_LIMIT_MEMORY)
	LimitChannels     Limit = Limit(core.SSH_LIMIT_CHANNELS)
	LimitWindow       Limit = Limit(core.SSH_LIMIT_WINDOW)
	LimitEarlyPackets Limit = Limit(core.SSH_LIMIT_EARLY_PACKETS)
)

// Info is what Session.SSHInfo tells.
type Info int

// The library's headers say what each stands for.
const (
	InfoKEX            Info = Info(core.SSH_INFO_KEX)
	InfoHostKey        Info = Info(core.SSH_INFO_HOST_KEY)
	InfoCipherOut      Info = Info(core.SSH_INFO_CIPHER_OUT)
	InfoCipherIn       Info = Info(core.SSH_INFO_CIPHER_IN)
	InfoMACOut         Info = Info(core.SSH_INFO_MAC_OUT)
	InfoMACIn          Info = Info(core.SSH_INFO_MAC_IN)
	InfoCompressionOut Info = Info(core.SSH_INFO_COMPRESSION_OUT)
	InfoCompressionIn  Info = Info(core.SSH_INFO_COMPRESSION_IN)
	InfoPeer           Info = Info(core.SSH_INFO_PEER)
	InfoUser           Info = Info(core.SSH_INFO_USER)
	InfoMethods        Info = Info(core.SSH_INFO_METHODS)
	InfoCanContinue    Info = Info(core.SSH_INFO_CAN_CONTINUE)
	InfoSignatures     Info = Info(core.SSH_INFO_SIGNATURES)
	InfoStrict         Info = Info(core.SSH_INFO_STRICT)
)

// ChannelEvent is what StreamHandlers.Event is called with.
type ChannelEvent int

// The library's headers say what each stands for.
const (
	eventOpened       ChannelEvent = ChannelEvent(core.SSH_OPENED)
	eventAccepted     ChannelEvent = ChannelEvent(core.SSH_ACCEPTED)
	eventRefused      ChannelEvent = ChannelEvent(core.SSH_REFUSED)
	EventExitStatus   ChannelEvent = ChannelEvent(core.SSH_EXIT_STATUS)
	EventExitSignal   ChannelEvent = ChannelEvent(core.SSH_EXIT_SIGNAL)
	EventWindowChange ChannelEvent = ChannelEvent(core.SSH_WINDOW_CHANGE)
	EventSignal       ChannelEvent = ChannelEvent(core.SSH_SIGNAL)
	EventBreak        ChannelEvent = ChannelEvent(core.SSH_BREAK)
	EventXonXoff      ChannelEvent = ChannelEvent(core.SSH_XON_XOFF)
	EventEndOfWrite   ChannelEvent = ChannelEvent(core.SSH_END_OF_WRITE)
)

// ClientCertificate is whether a server's clients show a certificate.
type ClientCertificate int

// The library's headers say what each stands for.
const (
	ClientCertificateNone    ClientCertificate = ClientCertificate(core.TLS_CLIENT_NONE)
	ClientCertificateRequest ClientCertificate = ClientCertificate(core.TLS_CLIENT_REQUEST)
	ClientCertificateRequire ClientCertificate = ClientCertificate(core.TLS_CLIENT_REQUIRE)
)

// AskPeer is when the application is asked about the peer's certificate.
type AskPeer int

// The library's headers say what each stands for.
const (
	AskPeerNever     AskPeer = AskPeer(core.TLS_ASK_NEVER)
	AskPeerUntrusted AskPeer = AskPeer(core.TLS_ASK_UNTRUSTED)
	AskPeerAlways    AskPeer = AskPeer(core.TLS_ASK_ALWAYS)
)

// TLSVersion is a version of TLS.
type TLSVersion int

// The library's headers say what each stands for.
const (
	TLS12 TLSVersion = TLSVersion(core.TLS_1_2)
	TLS13 TLSVersion = TLSVersion(core.TLS_1_3)
)

// OCSP is whether a client asks for a stapled response.
type OCSP int

// The library's headers say what each stands for.
const (
	OCSPNone    OCSP = OCSP(core.TLS_OCSP_NONE)
	OCSPRequest OCSP = OCSP(core.TLS_OCSP_REQUEST)
	OCSPRequire OCSP = OCSP(core.TLS_OCSP_REQUIRE)
)

// Binding is a kind of channel binding (RFC 5929, RFC 9266).
type Binding int

// The library's headers say what each stands for.
const (
	BindingUnique         Binding = Binding(core.TLS_BINDING_UNIQUE)
	BindingExporter       Binding = Binding(core.TLS_BINDING_EXPORTER)
	BindingServerEndPoint Binding = Binding(core.TLS_BINDING_SERVER_END_POINT)
)

// KeyFormat is a format of private key files.
type KeyFormat int

// The library's headers say what each stands for.
const (
	FormatOpenSSH KeyFormat = KeyFormat(core.KEY_OPENSSH)
	FormatPKCS8   KeyFormat = KeyFormat(core.KEY_PKCS8)
	FormatPEM     KeyFormat = KeyFormat(core.KEY_PEM)
)

// PublicFormat is a format of public keys.
type PublicFormat int

// The library's headers say what each stands for.
const (
	FormatLine      PublicFormat = PublicFormat(core.KEY_LINE)
	FormatRFC4716   PublicFormat = PublicFormat(core.KEY_RFC4716)
	FormatPublicPEM PublicFormat = PublicFormat(core.KEY_PUBLIC_PEM)
)

// Hash is what a fingerprint is made with.
type Hash int

// The library's headers say what each stands for.
const (
	FingerprintSHA256 Hash = Hash(core.FINGERPRINT_SHA256)
	FingerprintMD5    Hash = Hash(core.FINGERPRINT_MD5)
)

// CertificateKind is whom a certificate is for.
type CertificateKind int

// The library's headers say what each stands for.
const (
	CertificateUser CertificateKind = CertificateKind(core.CERTIFICATE_USER)
	CertificateHost CertificateKind = CertificateKind(core.CERTIFICATE_HOST)
)

// HostStatus is what known hosts say of a key.
type HostStatus int

// The library's headers say what each stands for.
const (
	HostKnown   HostStatus = HostStatus(core.HOST_KNOWN)
	HostUnknown HostStatus = HostStatus(core.HOST_UNKNOWN)
	HostOther   HostStatus = HostStatus(core.HOST_OTHER)
	HostChanged HostStatus = HostStatus(core.HOST_CHANGED)
	HostRevoked HostStatus = HostStatus(core.HOST_REVOKED)
)

// Permission is what a key may be allowed.
type Permission int

// The library's headers say what each stands for.
const (
	AllowPTY             Permission = Permission(core.GRANT_PTY)
	AllowPortForwarding  Permission = Permission(core.GRANT_PORT_FORWARDING)
	AllowAgentForwarding Permission = Permission(core.GRANT_AGENT_FORWARDING)
	AllowX11Forwarding   Permission = Permission(core.GRANT_X11_FORWARDING)
	AllowUserRC          Permission = Permission(core.GRANT_USER_RC)
)
