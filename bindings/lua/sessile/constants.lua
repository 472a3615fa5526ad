-- SPDX-License-Identifier: Apache-2.0
--
-- The library's numbers by name: for each group a table that leads from a number to its name, in small letters, and
-- back. The rest of the package takes and gives names.

local core = require "sessile.core"

---@alias sessile.Role "client"|"server"
---@alias sessile.QuestionKind "tls_peer"|"tls_hello"|"ssh_host_key"|"ssh_host_keys"|"ssh_authenticate"
---|"ssh_password_change"|"ssh_prompts"|"ssh_sign"|"ssh_user"|"ssh_responses"|"ssh_channel"|"ssh_request"|"ssh_forward"
---@alias sessile.Item "certificate"|"host"|"verify_code"|"verify_text"|"resumed"|"sni"|"alpn"|"version"|"cipher"|"port"
---|"key"|"old_key"|"fingerprint"|"status"|"user"|"method"|"partial"|"tried"|"password"|"new_password"|"prompt"|"echo"
---|"name"|"instruction"|"response"|"algorithm"|"data"|"signature"|"service"|"verified"|"host_user"|"type"|"origin"
---|"origin_port"|"path"|"term"|"columns"|"rows"|"width"|"height"|"modes"|"value"|"command"|"single"|"protocol"
---|"cookie"|"screen"
---@alias sessile.Notice "tls_ticket"|"tls_keylog"|"ssh_keylog"|"ssh_banner"|"ssh_debug"|"ssh_disconnect"|"ssh_alive"
---|"ssh_forwarded"|"ssh_forward_refused"|"ssh_rekeyed"|"agent_reply"
---@alias sessile.Counter "offered"|"taken"|"units"|"sent"|"sends"|"data_in"|"data_out"
---@alias sessile.Event "opened"|"accepted"|"refused"|"exit_status"|"exit_signal"|"window_change"|"signal"|"break"
---|"xon_xoff"|"end_of_write"
---@alias sessile.HostStatus "known"|"unknown"|"other"|"changed"|"revoked"
---@alias sessile.KeyFormat "openssh"|"pkcs8"|"pem"
---@alias sessile.PublicFormat "line"|"rfc4716"|"public_pem"
---@alias sessile.Hash "sha256"|"md5"
---@alias sessile.CertificateKind "user"|"host"
---@alias sessile.Allow "pty"|"port_forwarding"|"agent_forwarding"|"x11_forwarding"|"user_rc"
---@alias sessile.ClientCertificate "none"|"request"|"require"
---@alias sessile.AskPeer "never"|"untrusted"|"always"
---@alias sessile.OCSP "none"|"request"|"require"
---@alias sessile.TLSVersion "1.2"|"1.3"
---@alias sessile.ChannelBinding "unique"|"exporter"|"server_end_point"
---@alias sessile.Algorithms "kex"|"host_keys"|"ciphers"|"macs"|"compression"|"user_keys"|"ca_signatures"
---@alias sessile.Limit "memory"|"channels"|"window"|"early_packets"
---@alias sessile.SSHInfo "kex"|"host_key"|"cipher_out"|"cipher_in"|"mac_out"|"mac_in"|"compression_out"
---|"compression_in"|"peer"|"user"|"methods"|"can_continue"|"signatures"|"strict"
---@alias sessile.SFTPOperation "open"|"close"|"read"|"write"|"lstat"|"fstat"|"setstat"|"fsetstat"|"opendir"|"readdir"
---|"remove"|"mkdir"|"rmdir"|"realpath"|"stat"|"rename"|"readlink"|"symlink"|"extended"|"posix_rename"|"statvfs"
---|"fstatvfs"|"hardlink"|"fsync"|"lsetstat"|"limits"|"expand_path"|"copy_data"|"home_directory"|"users_groups"
---@alias sessile.SFTPFlag "read"|"write"|"append"|"create"|"truncate"|"exclusive"
---@alias sessile.SFTPStatus "ok"|"eof"|"no_such_file"|"permission_denied"|"failure"|"bad_message"|"no_connection"
---|"connection_lost"|"unsupported"
---@alias sessile.SFTPAttr "size"|"uid"|"gid"|"permissions"|"atime"|"mtime"
---@alias sessile.SFTPLimit "message"|"read"|"write"|"handles"
---@alias sessile.SFTPNumber "bsize"|"frsize"|"blocks"|"bfree"|"bavail"|"files"|"ffree"|"favail"|"fsid"|"flag"
---|"namemax"

-- Prefixes of whole groups, and the names of groups that share theirs with others.
local GROUPS = {
    error = {prefix = "ERR_"},
    question = {prefix = "QUESTION_"},
    item = {prefix = "ITEM_"},
    notice = {prefix = "NOTICE_"},
    counter = {prefix = "COUNT_"},
    host_status = {prefix = "HOST_"},
    hash = {prefix = "FINGERPRINT_"},
    certificate_kind = {prefix = "CERTIFICATE_"},
    allow = {prefix = "GRANT_"},
    client_certificate = {prefix = "TLS_CLIENT_"},
    ask_peer = {prefix = "TLS_ASK_"},
    ocsp = {prefix = "TLS_OCSP_"},
    channel_binding = {prefix = "TLS_BINDING_"},
    limit = {prefix = "SSH_LIMIT_"},
    info = {prefix = "SSH_INFO_"},
    role = {prefix = "", "CLIENT", "SERVER"},
    key_format = {prefix = "KEY_", "OPENSSH", "PKCS8", "PEM"},
    public_format = {prefix = "KEY_", "LINE", "RFC4716", "PUBLIC_PEM"},
    version = {prefix = "TLS_", "1_2", "1_3"},
    algorithms = {prefix = "SSH_", "KEX", "HOST_KEYS", "CIPHERS", "MACS", "COMPRESSION", "USER_KEYS", "CA_SIGNATURES"},
    dimension = {prefix = "SSH_", "COLUMNS", "ROWS", "WIDTH", "HEIGHT"},
    event = {
        prefix = "SSH_", "OPENED", "ACCEPTED", "REFUSED", "EXIT_STATUS", "EXIT_SIGNAL", "WINDOW_CHANGE", "SIGNAL",
        "BREAK", "XON_XOFF", "END_OF_WRITE",
    },
    sftp_operation = {
        prefix = "SFTP_", "OPEN", "CLOSE", "READ", "WRITE", "LSTAT", "FSTAT", "SETSTAT", "FSETSTAT", "OPENDIR",
        "READDIR", "REMOVE", "MKDIR", "RMDIR", "REALPATH", "STAT", "RENAME", "READLINK", "SYMLINK", "EXTENDED",
        "POSIX_RENAME", "STATVFS", "FSTATVFS", "HARDLINK", "FSYNC", "LSETSTAT", "LIMITS", "EXPAND_PATH", "COPY_DATA",
        "HOME_DIRECTORY", "USERS_GROUPS",
    },
    sftp_flag = {prefix = "SFTP_FLAG_"},
    sftp_status = {prefix = "SFTP_STATUS_"},
    sftp_attr = {prefix = "SFTP_ATTR_"},
    sftp_limit = {prefix = "SFTP_LIMIT_"},
    sftp_number = {prefix = "SFTP_VFS_"},
    sftp_sink = {prefix = "SFTP_", "PAUSE"},
}

-- Names of all constants that stand in a group.
local grouped = {}

local function add(group, name, constant)
    local value = core[constant]
    grouped[constant] = true
    group[name], group[value] = value, name
end

local function group_of(row)
    local group = {}
    for _, name in ipairs(row) do
        add(group, (row.prefix == "TLS_" and name:gsub("_", ".") or name:lower()), row.prefix .. name)
    end
    if not row[1] then
        for index = 0, core.constant_count() - 1 do
            local constant = core.constant_name(index)
            if constant:sub(1, #row.prefix) == row.prefix then
                add(group, constant:sub(#row.prefix + 1):lower(), constant)
            end
        end
    end
    return group
end

local constants = {grouped = grouped}
for name, row in pairs(GROUPS) do
    constants[name] = group_of(row)
end

---The number that a name stands for; raises for one that does not exist.
---@param group table<string, integer>
---@param name string
---@param what string what such a name is, for the error
---@return integer
function constants.number(group, name, what)
    local number = group[name]
    if type(name) ~= "string" or not number then
        error(("there is no %s %q"):format(what, tostring(name)), 3)
    end
    return number
end

return constants
