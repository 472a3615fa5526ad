/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and certificates that OpenSSH's ssh-keygen made, and what it says about them: fingerprints and pictures. Those
 * of the security keys are other keys' points, for no token was at hand; their certificates are ssh-keygen's.
 */
#ifndef TESTS_SSH_KEY_MATERIAL_H
#define TESTS_SSH_KEY_MATERIAL_H

#include <stddef.h>

/* A key: its line, what ssh-keygen -l says, and a certificate for it by material_ca_ed25519, all alike: a user's,
 * serial 7, for alice and bob, valid from 2020 to 2040, with force-command and source-address. */
struct material_key {
    const char *type;
    int bits;
    const char *comment;
    const char *line;
    const char *sha256;
    const char *md5;
    const char *picture;
    const char *certificate;
    const char *certificate_picture;
};

static const struct material_key material_keys[] = {
    {
        "ssh-ed25519",
        256,
        "ed25519@example",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4 ed25519@example\n",
        "SHA256:q5rQgvJDKSlCELiYk66O8cbjkjiddYjoxQwZktAqReQ",
        "MD5:19:12:99:e0:0b:c9:1d:11:5f:d6:40:2f:f7:37:12:bf",
        "+--[ED25519 256]--+\n"
        "|=*o              |\n"
        "|=oo              |\n"
        "|+*E              |\n"
        "|O+               |\n"
        "|+++o .  S        |\n"
        "|*o+=o .  .       |\n"
        "|X*+o..  .        |\n"
        "|O=Bo . .         |\n"
        "|o*+oo..          |\n"
        "+----[SHA256]-----+\n",
        "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIJ2jVrawaYhXedu"
        "7U1/9TBpnWxmQ8Zwu/wd2kyHdNnGCAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAcAAAABAAAACml"
        "kIGVkMjU1MTkAAAAQAAAABWFsaWNlAAAAA2JvYgAAAABeC+EAAAAAAIOqfoAAAABUAAAADWZvcmNlLWNvbW1hbmQAAAANAAAACS9"
        "iaW4vdHJ1ZQAAAA5zb3VyY2UtYWRkcmVzcwAAABwAAAAYMTAuMC4wLjAvOCwyMDAxOmRiODo6LzMyAAAAcAAAABVwZXJtaXQtWDE"
        "xLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAA"
        "AAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACCpsKnUkUtO+ecCzxdyLFjT4Zm18L1AX7s"
        "6K8aKFlh6aQAAAFMAAAALc3NoLWVkMjU1MTkAAABAulxlQUHnMbmtRMYQxy4NBmVd8hA3d/fQVErHhehjy6DymE5V5wc7bCV7NBl"
        "eLSJ4g8bPGfv7i7ZDuJhlTlfJAA== ed25519@example\n",
        "+-[ED25519-CERT]--+\n"
        "|=*o              |\n"
        "|=oo              |\n"
        "|+*E              |\n"
        "|O+               |\n"
        "|+++o .  S        |\n"
        "|*o+=o .  .       |\n"
        "|X*+o..  .        |\n"
        "|O=Bo . .         |\n"
        "|o*+oo..          |\n"
        "+----[SHA256]-----+\n",
    },
    {
        "ecdsa-sha2-nistp256",
        256,
        "p256@example",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMeImfegHIqckK5dYqaJQfOMnrh8"
        "fMeWKI5sSkXsuYJdTC77vy018dOY2UoXe7tQXL2gxy8lnlIwUAuKyqOQiEc= p256@example\n",
        "SHA256:0zxmv9MO0AO6qoIU165tfd0n2FR8x6BraRQTN/L1+m4",
        "MD5:60:aa:85:b1:54:f8:14:fb:a1:81:42:47:af:43:1c:02",
        "+---[ECDSA 256]---+\n"
        "|            o.o .|\n"
        "|            o+.o.|\n"
        "|    .     .  +oo.|\n"
        "| . . .   + oo  ++|\n"
        "|  o .   S B.ooo o|\n"
        "| .   .   = +=o . |\n"
        "|..  o . . .oB.  .|\n"
        "|. .. o o . o.*.oE|\n"
        "|   .o.. .   .o+..|\n"
        "+----[SHA256]-----+\n",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20"
        "AAAAgR+FYj9tIs5F9ruNmaBpx8S0JitxPm+TGMB+2+NmMXbYAAAAIbmlzdHAyNTYAAABBBMeImfegHIqckK5dYqaJQfOMnrh8fMe"
        "WKI5sSkXsuYJdTC77vy018dOY2UoXe7tQXL2gxy8lnlIwUAuKyqOQiEcAAAAAAAAABwAAAAEAAAAHaWQgcDI1NgAAABAAAAAFYWx"
        "pY2UAAAADYm9iAAAAAF4L4QAAAAAAg6p+gAAAAFQAAAANZm9yY2UtY29tbWFuZAAAAA0AAAAJL2Jpbi90cnVlAAAADnNvdXJjZS1"
        "hZGRyZXNzAAAAHAAAABgxMC4wLjAuMC84LDIwMDE6ZGI4OjovMzIAAABwAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAA"
        "XcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAADnBlcm1pdC11c2VyLXJ"
        "jAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIKmwqdSRS0755wLPF3IsWNPhmbXwvUBfuzorxooWWHppAAAAUwAAAAtzc2g"
        "tZWQyNTUxOQAAAEArB+cAQYZOJrJ3RdCtT08H9Lfgz6W21OJLoNF8s1Q0q1OdaYeYyfDgQQDGPINCYVzHoQdM5nXGScXSQ1hvk8c"
        "K p256@example\n",
        "+[ECDSA-CERT 256]-+\n"
        "|            o.o .|\n"
        "|            o+.o.|\n"
        "|    .     .  +oo.|\n"
        "| . . .   + oo  ++|\n"
        "|  o .   S B.ooo o|\n"
        "| .   .   = +=o . |\n"
        "|..  o . . .oB.  .|\n"
        "|. .. o o . o.*.oE|\n"
        "|   .o.. .   .o+..|\n"
        "+----[SHA256]-----+\n",
    },
    {
        "ecdsa-sha2-nistp384",
        384,
        "p384@example",
        "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBAdsXW+woeJ85Ucf8lJd9deO++nz"
        "KkcpD+269/JR/yPVaGNsHRRQ1tvcCoQ08HObj9Hsldbjsz9HvETuZNnMShDFJB/7U7ToSoPDVboIhkXjxEHzGEwP/M3tSnhoiQNY"
        "hA== p384@example\n",
        "SHA256:NJuPaP3N+tVSsFg+PID5+t/xd8pgkNFLKgICBupf8KQ",
        "MD5:4d:71:a7:4f:67:98:1f:7f:d3:60:eb:d7:b5:c3:77:4f",
        "+---[ECDSA 384]---+\n"
        "|+.               |\n"
        "|o.         +     |\n"
        "|. ....  o + + o  |\n"
        "|.  .=. . + * B o |\n"
        "| . E o. S + + * .|\n"
        "|  . .  + + o   = |\n"
        "|   .  o o o o o..|\n"
        "|     .   . = + o=|\n"
        "|          oo=.+.=|\n"
        "+----[SHA256]-----+\n",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com AAAAKGVjZHNhLXNoYTItbmlzdHAzODQtY2VydC12MDFAb3BlbnNzaC5jb20"
        "AAAAgusixLOKRODdZqvOkTfNRc7lBR3O9RdzN4Ioo9GS0/6EAAAAIbmlzdHAzODQAAABhBAdsXW+woeJ85Ucf8lJd9deO++nzKkc"
        "pD+269/JR/yPVaGNsHRRQ1tvcCoQ08HObj9Hsldbjsz9HvETuZNnMShDFJB/7U7ToSoPDVboIhkXjxEHzGEwP/M3tSnhoiQNYhAA"
        "AAAAAAAAHAAAAAQAAAAdpZCBwMzg0AAAAEAAAAAVhbGljZQAAAANib2IAAAAAXgvhAAAAAACDqn6AAAAAVAAAAA1mb3JjZS1jb21"
        "tYW5kAAAADQAAAAkvYmluL3RydWUAAAAOc291cmNlLWFkZHJlc3MAAAAcAAAAGDEwLjAuMC4wLzgsMjAwMTpkYjg6Oi8zMgAAAHA"
        "AAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQ"
        "tZm9yd2FyZGluZwAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgqbCp1JFLTvnnAs8"
        "XcixY0+GZtfC9QF+7OivGihZYemkAAABTAAAAC3NzaC1lZDI1NTE5AAAAQD+5L4uFOPDaSUgmPQDPsdQMkT35x0wxUVfKZ/BDbad"
        "c2UP3KXUgYSdPRgbR2RgMb4lLqOxA78gmPgOli+/rvAI= p384@example\n",
        "+[ECDSA-CERT 384]-+\n"
        "|+.               |\n"
        "|o.         +     |\n"
        "|. ....  o + + o  |\n"
        "|.  .=. . + * B o |\n"
        "| . E o. S + + * .|\n"
        "|  . .  + + o   = |\n"
        "|   .  o o o o o..|\n"
        "|     .   . = + o=|\n"
        "|          oo=.+.=|\n"
        "+----[SHA256]-----+\n",
    },
    {
        "ecdsa-sha2-nistp521",
        521,
        "p521@example",
        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAAps544xZx/w5A7BUCwJi89xnPQ"
        "GfywDHV7gEFKcU13DnYSACa9OQgZxDaqXN9QbofPdvKs5mNW94rmcVYQTiw9KAAYxK83vWzaVLlNfH/gjv9UScxOZRajutBhzPj/"
        "k263IWBSGt25S4aVzuLqBXWktDFc1EYuGf5gkKwgNF7+r69b0A== p521@example\n",
        "SHA256:GsobM2wcc5YraidiXSsUA/0eZGt2Wz9p8uRF9H+4xWA",
        "MD5:7f:84:10:fc:7e:2d:18:cd:63:5e:11:89:f5:7c:cf:4f",
        "+---[ECDSA 521]---+\n"
        "|  .              |\n"
        "| . . o       .   |\n"
        "|  . + .     . .  |\n"
        "|   o * o .   .E. |\n"
        "|    O B S . o. +.|\n"
        "|   = O = . * .. =|\n"
        "|  o % +   * o  o.|\n"
        "|..o=.B     o  .  |\n"
        "|.o.oo            |\n"
        "+----[SHA256]-----+\n",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com AAAAKGVjZHNhLXNoYTItbmlzdHA1MjEtY2VydC12MDFAb3BlbnNzaC5jb20"
        "AAAAgqLH11QiLd3y3i4E0/i0nPAQpAa4yFUQRT/+ZnkgwaWkAAAAIbmlzdHA1MjEAAACFBAAps544xZx/w5A7BUCwJi89xnPQGfy"
        "wDHV7gEFKcU13DnYSACa9OQgZxDaqXN9QbofPdvKs5mNW94rmcVYQTiw9KAAYxK83vWzaVLlNfH/gjv9UScxOZRajutBhzPj/k26"
        "3IWBSGt25S4aVzuLqBXWktDFc1EYuGf5gkKwgNF7+r69b0AAAAAAAAAAHAAAAAQAAAAdpZCBwNTIxAAAAEAAAAAVhbGljZQAAAAN"
        "ib2IAAAAAXgvhAAAAAACDqn6AAAAAVAAAAA1mb3JjZS1jb21tYW5kAAAADQAAAAkvYmluL3RydWUAAAAOc291cmNlLWFkZHJlc3M"
        "AAAAcAAAAGDEwLjAuMC4wLzgsMjAwMTpkYjg6Oi8zMgAAAHAAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQ"
        "tYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAA"
        "AAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgqbCp1JFLTvnnAs8XcixY0+GZtfC9QF+7OivGihZYemkAAABTAAAAC3NzaC1lZDI1NTE"
        "5AAAAQJw5h9sdCq1Q0r23fYH8J0YSMnoRf+At4wa1oPXgWwGbnTTbn0R0epgYjlEoeoTFSPd92rPsDbwOIMzvNcF20gA= p521@e"
        "xample\n",
        "+[ECDSA-CERT 521]-+\n"
        "|  .              |\n"
        "| . . o       .   |\n"
        "|  . + .     . .  |\n"
        "|   o * o .   .E. |\n"
        "|    O B S . o. +.|\n"
        "|   = O = . * .. =|\n"
        "|  o % +   * o  o.|\n"
        "|..o=.B     o  .  |\n"
        "|.o.oo            |\n"
        "+----[SHA256]-----+\n",
    },
    {
        "ssh-rsa",
        2048,
        "rsa@example with spaces",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDGNgMdNTkfiFBGjHS5JXhxRSvvdi2fU1Lm/lOPkAUIvf2EsR1NX4jD8eSOA8N6"
        "MGgnknPJRRsMlEvg3t33pi5XulCx1NNtZLUFSS36Fmsla/AquK8mfWcavaEVXFFGWYG73JDwbxrUUgj1ZhDIHkWM9AHznAqlHPhy"
        "+2OysA0ICdgXPWwRGrmeA8oovQ/jqX/pfMcELXEUFgZPj/wuJH1id/fUFZVX1sqpOfHcLbPXF3+W/+HIJ3t69+ek09l5uIMKppDA"
        "uveBNbJ6YgODwwYJOJVMf+JhEZMuET9h6fIwSus3gERrvqHJFGcCcIVrDxapCcPNllMnu9+hTOdkT9DB rsa@example with sp"
        "aces\n",
        "SHA256:EP7r6RuQVyFtlKukjJF86fDK25B4nSSPiDeBcPYsSH0",
        "MD5:31:e8:98:a9:db:9e:17:b6:1a:13:f0:cb:1c:56:17:06",
        "+---[RSA 2048]----+\n"
        "|      . .oo.     |\n"
        "|  .  . . .+.     |\n"
        "|..oo Eo. ...     |\n"
        "|o= o* o+...      |\n"
        "|o o +O+oS.       |\n"
        "| . =.B=+..       |\n"
        "|. =.=.+ o        |\n"
        "| . ooo . o       |\n"
        "|    ....=.       |\n"
        "+----[SHA256]-----+\n",
        "ssh-rsa-cert-v01@openssh.com AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgJ7OUIEQkb1z0UAdEa2fCNAm"
        "Siv58i0Unz3q1u37i//UAAAADAQABAAABAQDGNgMdNTkfiFBGjHS5JXhxRSvvdi2fU1Lm/lOPkAUIvf2EsR1NX4jD8eSOA8N6MGg"
        "nknPJRRsMlEvg3t33pi5XulCx1NNtZLUFSS36Fmsla/AquK8mfWcavaEVXFFGWYG73JDwbxrUUgj1ZhDIHkWM9AHznAqlHPhy+2O"
        "ysA0ICdgXPWwRGrmeA8oovQ/jqX/pfMcELXEUFgZPj/wuJH1id/fUFZVX1sqpOfHcLbPXF3+W/+HIJ3t69+ek09l5uIMKppDAuve"
        "BNbJ6YgODwwYJOJVMf+JhEZMuET9h6fIwSus3gERrvqHJFGcCcIVrDxapCcPNllMnu9+hTOdkT9DBAAAAAAAAAAcAAAABAAAACml"
        "kIHJzYTIwNDgAAAAQAAAABWFsaWNlAAAAA2JvYgAAAABeC+EAAAAAAIOqfoAAAABUAAAADWZvcmNlLWNvbW1hbmQAAAANAAAACS9"
        "iaW4vdHJ1ZQAAAA5zb3VyY2UtYWRkcmVzcwAAABwAAAAYMTAuMC4wLjAvOCwyMDAxOmRiODo6LzMyAAAAcAAAABVwZXJtaXQtWDE"
        "xLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAA"
        "AAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACCpsKnUkUtO+ecCzxdyLFjT4Zm18L1AX7s"
        "6K8aKFlh6aQAAAFMAAAALc3NoLWVkMjU1MTkAAABA1euGR6ECKyskI+xc5My3Q+xAEZV0Fbs2EaQD23ln6EvTq/3zUmN4WTm3uDN"
        "KWqD+fagLzrr4HvaqVwa64KX9Bw== rsa@example with spaces\n",
        "+-[RSA-CERT 2048]-+\n"
        "|      . .oo.     |\n"
        "|  .  . . .+.     |\n"
        "|..oo Eo. ...     |\n"
        "|o= o* o+...      |\n"
        "|o o +O+oS.       |\n"
        "| . =.B=+..       |\n"
        "|. =.=.+ o        |\n"
        "| . ooo . o       |\n"
        "|    ....=.       |\n"
        "+----[SHA256]-----+\n",
    },
    {
        "sk-ssh-ed25519@openssh.com",
        256,
        "sk@example",
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp"
        "6G9i+CuRA7yLEd4AAAABHNzaDo= sk@example\n",
        "SHA256:iMP4ul6T2SvPEl0HeJovRMq7ke8fCRzhmORnx6mvMeI",
        "MD5:68:cb:ce:dd:52:d1:a7:97:e8:93:31:82:7f:f2:8f:a7",
        "+[ED25519-SK 256]-+\n"
        "|    . ..         |\n"
        "|   o +ooo.       |\n"
        "|   .+o=++.       |\n"
        "|   oo=+=. .      |\n"
        "|  . +==oS.       |\n"
        "|   .==oo..       |\n"
        "|    B=+.+        |\n"
        "|   +++.= .       |\n"
        "| .+.E=*..        |\n"
        "+----[SHA256]-----+\n",
        "sk-ssh-ed25519-cert-v01@openssh.com AAAAI3NrLXNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAID4heF3U"
        "ma7CBqMbbRD6HV00fHhRAN20K8eolS7LKu8vAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAABHNzaDoAAAAA"
        "AAAABwAAAAEAAAANaWQgc2tfZWQyNTUxOQAAABAAAAAFYWxpY2UAAAADYm9iAAAAAF4L4QAAAAAAg6p+gAAAAFQAAAANZm9yY2Ut"
        "Y29tbWFuZAAAAA0AAAAJL2Jpbi90cnVlAAAADnNvdXJjZS1hZGRyZXNzAAAAHAAAABgxMC4wLjAuMC84LDIwMDE6ZGI4OjovMzIA"
        "AABwAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1w"
        "b3J0LWZvcndhcmRpbmcAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIKmwqdSRS075"
        "5wLPF3IsWNPhmbXwvUBfuzorxooWWHppAAAAUwAAAAtzc2gtZWQyNTUxOQAAAED3Yt47f/0scN/Kv/e00GPtHj8LSJfG4nCaQeYZ"
        "+Q1WCjRIyhVMmAZTve1u41IhJ3FJBDhZLXb771xNYCzuWJgE sk@example\n",
        "+[ED25519-SK-CERT-+\n"
        "|    . ..         |\n"
        "|   o +ooo.       |\n"
        "|   .+o=++.       |\n"
        "|   oo=+=. .      |\n"
        "|  . +==oS.       |\n"
        "|   .==oo..       |\n"
        "|    B=+.+        |\n"
        "|   +++.= .       |\n"
        "| .+.E=*..        |\n"
        "+----[SHA256]-----+\n",
    },
    {
        "sk-ecdsa-sha2-nistp256@openssh.com",
        256,
        "sk@example",
        "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyN"
        "TYAAABBBMeImfegHIqckK5dYqaJQfOMnrh8fMeWKI5sSkXsuYJdTC77vy018dOY2UoXe7tQXL2gxy8lnlIwUAuKyqOQiEcAAAAEc"
        "3NoOg== sk@example\n",
        "SHA256:oqg9x11Gx1NB8FAez+SVzuisBiZcS9befAC8YwJTj84",
        "MD5:98:2f:0f:74:04:e2:08:a2:2a:7d:62:00:d8:f4:f5:23",
        "+-[ECDSA-SK 256]--+\n"
        "|        ..++=.. o|\n"
        "|       o  o*.* o |\n"
        "|        oo.o= B  |\n"
        "|        +=+= o o |\n"
        "|      o.SE=.* .  |\n"
        "|   . . +o+ . = . |\n"
        "|  .... oo . . .  |\n"
        "| o. o .    o     |\n"
        "|. .o      .      |\n"
        "+----[SHA256]-----+\n",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAK3NrLWVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNz"
        "aC5jb20AAAAgPwiUjXH42DQO5gqwSk20TkDsfHTV418boswLl4Hio4sAAAAIbmlzdHAyNTYAAABBBMeImfegHIqckK5dYqaJQfOM"
        "nrh8fMeWKI5sSkXsuYJdTC77vy018dOY2UoXe7tQXL2gxy8lnlIwUAuKyqOQiEcAAAAEc3NoOgAAAAAAAAAHAAAAAQAAAAppZCBz"
        "a19wMjU2AAAAEAAAAAVhbGljZQAAAANib2IAAAAAXgvhAAAAAACDqn6AAAAAVAAAAA1mb3JjZS1jb21tYW5kAAAADQAAAAkvYmlu"
        "L3RydWUAAAAOc291cmNlLWFkZHJlc3MAAAAcAAAAGDEwLjAuMC4wLzgsMjAwMTpkYjg6Oi8zMgAAAHAAAAAVcGVybWl0LVgxMS1m"
        "b3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAA"
        "AAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgqbCp1JFLTvnnAs8XcixY0+GZtfC9QF+7OivG"
        "ihZYemkAAABTAAAAC3NzaC1lZDI1NTE5AAAAQIdRrhDKpPV0KAShwfx0v3Yoli6DKifSbZ7j42lTd+UFyuJR5IXf8Mv+6AIYNSp6"
        "gkaaLFW18Qh5DbIC/pAIYQo= sk@example\n",
        "+-[ECDSA-SK-CERT]-+\n"
        "|        ..++=.. o|\n"
        "|       o  o*.* o |\n"
        "|        oo.o= B  |\n"
        "|        +=+= o o |\n"
        "|      o.SE=.* .  |\n"
        "|   . . +o+ . = . |\n"
        "|  .... oo . . .  |\n"
        "| o. o .    o     |\n"
        "|. .o      .      |\n"
        "+----[SHA256]-----+\n",
    },
};
#define MATERIAL_KEYS (sizeof material_keys / sizeof material_keys[0])

/* Too small. */
static const char material_rsa_1024[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCzu+JRg/yuiFjspjEIq78Oqa3peSbwy8uO5w/itt6EcS49Y0S4G6P6lhcWdZ+p"
    "23iInLfRCLicqxGNBsoCgWsWuo1oVYpdptP7BYTYgRloLl4j19MWx/CLi0T3MaVn6Qlgv92WaSS6ijsE1VH3cY5gSWakyehvwIev"
    "9G6WoWav7w== small\n";
/* The 2048 bits of above, and the key on P-256, as ssh-keygen -e writes them. */
static const char material_rsa_pem[] = "-----BEGIN RSA PUBLIC KEY-----\n"
                                       "MIIBCgKCAQEAxjYDHTU5H4hQRox0uSV4cUUr73Ytn1NS5v5Tj5AFCL39hLEdTV+I\n"
                                       "w/HkjgPDejBoJ5JzyUUbDJRL4N7d96YuV7pQsdTTbWS1BUkt+hZrJWvwKrivJn1n\n"
                                       "Gr2hFVxRRlmBu9yQ8G8a1FII9WYQyB5FjPQB85wKpRz4cvtjsrANCAnYFz1sERq5\n"
                                       "ngPKKL0P46l/6XzHBC1xFBYGT4/8LiR9Ynf31BWVV9bKqTnx3C2z1xd/lv/hyCd7\n"
                                       "evfnpNPZebiDCqaQwLr3gTWyemIDg8MGCTiVTH/iYRGTLhE/YenyMErrN4BEa76h\n"
                                       "yRRnAnCFaw8WqQnDzZZTJ7vfoUznZE/QwQIDAQAB\n"
                                       "-----END RSA PUBLIC KEY-----\n";
static const char material_rsa_spki[] = "-----BEGIN PUBLIC KEY-----\n"
                                        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxjYDHTU5H4hQRox0uSV4\n"
                                        "cUUr73Ytn1NS5v5Tj5AFCL39hLEdTV+Iw/HkjgPDejBoJ5JzyUUbDJRL4N7d96Yu\n"
                                        "V7pQsdTTbWS1BUkt+hZrJWvwKrivJn1nGr2hFVxRRlmBu9yQ8G8a1FII9WYQyB5F\n"
                                        "jPQB85wKpRz4cvtjsrANCAnYFz1sERq5ngPKKL0P46l/6XzHBC1xFBYGT4/8LiR9\n"
                                        "Ynf31BWVV9bKqTnx3C2z1xd/lv/hyCd7evfnpNPZebiDCqaQwLr3gTWyemIDg8MG\n"
                                        "CTiVTH/iYRGTLhE/YenyMErrN4BEa76hyRRnAnCFaw8WqQnDzZZTJ7vfoUznZE/Q\n"
                                        "wQIDAQAB\n"
                                        "-----END PUBLIC KEY-----\n";
static const char material_p256_spki[] = "-----BEGIN PUBLIC KEY-----\n"
                                         "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEx4iZ96AcipyQrl1ipolB84yeuHx8\n"
                                         "x5YojmxKRey5gl1MLvu/LTXx05jZShd7u1BcvaDHLyWeUjBQC4rKo5CIRw==\n"
                                         "-----END PUBLIC KEY-----\n";
static const char material_rsa_1024_spki[] = "-----BEGIN PUBLIC KEY-----\n"
                                             "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCzu+JRg/yuiFjspjEIq78Oqa3p\n"
                                             "eSbwy8uO5w/itt6EcS49Y0S4G6P6lhcWdZ+p23iInLfRCLicqxGNBsoCgWsWuo1o\n"
                                             "VYpdptP7BYTYgRloLl4j19MWx/CLi0T3MaVn6Qlgv92WaSS6ijsE1VH3cY5gSWak\n"
                                             "yehvwIev9G6WoWav7wIDAQAB\n"
                                             "-----END PUBLIC KEY-----\n";
/* The Ed25519 key of above, and its certificate. */
static const char material_rfc4716[] = "---- BEGIN SSH2 PUBLIC KEY ----\n"
                                       "Comment: \"256-bit ED25519, converted by somebody@example from OpenSSH\"\n"
                                       "AAAAC3NzaC1lZDI1NTE5AAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4\n"
                                       "---- END SSH2 PUBLIC KEY ----\n";
static const char material_rfc4716_certificate[] =
    "---- BEGIN SSH2 PUBLIC KEY ----\n"
    "Comment: \"256-bit ED25519-CERT, converted by somebody@example from OpenSSH\"\n"
    "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIJ2jVrawaYhXedu7U1\n"
    "/9TBpnWxmQ8Zwu/wd2kyHdNnGCAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7y\n"
    "LEd4AAAAAAAAAAcAAAABAAAACmlkIGVkMjU1MTkAAAAQAAAABWFsaWNlAAAAA2JvYgAAAA\n"
    "BeC+EAAAAAAIOqfoAAAABUAAAADWZvcmNlLWNvbW1hbmQAAAANAAAACS9iaW4vdHJ1ZQAA\n"
    "AA5zb3VyY2UtYWRkcmVzcwAAABwAAAAYMTAuMC4wLjAvOCwyMDAxOmRiODo6LzMyAAAAcA\n"
    "AAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJk\n"
    "aW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAA5wZXJtaXQtdXNlci\n"
    "1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACCpsKnUkUtO+ecCzxdyLFjT4Zm1\n"
    "8L1AX7s6K8aKFlh6aQAAAFMAAAALc3NoLWVkMjU1MTkAAABAulxlQUHnMbmtRMYQxy4NBm\n"
    "Vd8hA3d/fQVErHhehjy6DymE5V5wc7bCV7NBleLSJ4g8bPGfv7i7ZDuJhlTlfJAA==\n"
    "---- END SSH2 PUBLIC KEY ----\n";

/* Authorities. */
static const char material_ca_ed25519[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKmwqdSRS0755wLPF3IsWNPhmbXwvUBfuzorxooWWHpp ca\n";
static const char material_ca_rsa[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDTYspihNKr9hGIKYhzeDPTtGqmuiJjAtU2BAIsCS0+FsuPheFk6jegyJMJSJ5h"
    "p5Dx7wkPaRRrDydIfnSKkNHzKCKu0Sjcdiniy38pyEqRQw6h8k1t/yxr8pAne/z4pFLdCc6QMMye/sXA9N9/GNIV6V/MluLiFJKJ"
    "f9zao5V+/2FrC+B353EJbDz5/TKgRI9P0Dlb718a/B/d+g3a/2w5ZsdHWrYyXUjlr8XmtD+G/a4i99PIoRxGtFhlGutAhXhG1IAX"
    "T7eiEo8WeB8MEdEUIP6Rj2vvlIwWtAwnnLNqnik846I7Kg7ViblYE45vWtegYsJ8dkZcjxUJ+6lNYPbv ca\n";
static const char material_ca_p256[] =
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDWid0X0v1+5Ts8ysx8p/f+dS/eR"
    "vLy0BLRD+6EfJho3jwjKfPpBZ6fTSSirmdJUNUGc3wpBItnDmxZnHDK62X8= ca\n";
static const char material_ca_p384[] =
    "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBPMMYtF3+qRsNmuDsNh8Hn/rj+Ks"
    "Rj+Z3DSH+o6QVXmd/reiw6A0tk1A7wUrxtntrx3VmK5/WzEcjQwrix0TmdJ2i7E8mYw1DIVW3Sj5h4J9xGjBsp95ZFm7LkJqQLIL"
    "cg== ca\n";
static const char material_ca_p521[] =
    "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAC0hrWFN1ZkFUT/uGbqT5AmprVk"
    "W/YeciYDXFBvqNu36WuHcfsCLwtTIOHsOszZCa4XoV89fHOCwQH9qBumOBGOJwCD6mkWQxOIgIdxHbx/xBXNF2JBEVfkgWx7pFl3"
    "w/XEmseAHWYyvto7Dx1I7TpXhrhKUYHOjGcIMXKz31KcJzibzA== ca\n";

/* A host's certificate by material_ca_rsa, for host.example and www.example, valid for ever, serial 2^64 - 1. */
static const char material_host[] =
    "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIJhLwSVSa7xeD/3"
    "qWI7pgVu3lkpsP+GFeAfXbdsGkJtlAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4//////////8AAAACAAAAB2h"
    "vc3QgaWQAAAAfAAAADGhvc3QuZXhhbXBsZQAAAAt3d3cuZXhhbXBsZQAAAAAAAAAA//////////8AAAAAAAAAAAAAAAAAAAEXAAA"
    "AB3NzaC1yc2EAAAADAQABAAABAQDTYspihNKr9hGIKYhzeDPTtGqmuiJjAtU2BAIsCS0+FsuPheFk6jegyJMJSJ5hp5Dx7wkPaRR"
    "rDydIfnSKkNHzKCKu0Sjcdiniy38pyEqRQw6h8k1t/yxr8pAne/z4pFLdCc6QMMye/sXA9N9/GNIV6V/MluLiFJKJf9zao5V+/2F"
    "rC+B353EJbDz5/TKgRI9P0Dlb718a/B/d+g3a/2w5ZsdHWrYyXUjlr8XmtD+G/a4i99PIoRxGtFhlGutAhXhG1IAXT7eiEo8WeB8"
    "MEdEUIP6Rj2vvlIwWtAwnnLNqnik846I7Kg7ViblYE45vWtegYsJ8dkZcjxUJ+6lNYPbvAAABFAAAAAxyc2Etc2hhMi01MTIAAAE"
    "AvfdytWR/1meyct5fghi04me1ILy8Zz9iWn6QH1UxywE3S1y2RJ879UfRVxWXXMoeJ6N9rqnTwIr0bg5KRT6SfbzWGQwu5VielPi"
    "G/JSoOi4EX9iLOgstsIo8t1ET+4Ctr+Dc1gKmrH3611XWXn9Ru7EAKbYcr/JrlwuVjbijwTZIew0o7YBc8ATzzDjtHmiknfEOKPG"
    "1yV5AIANErd82sOm83br9qI3ZPOohRnrJ9k8NO+CmW6iYRY+De1PvJC5D1QcRAasA2SyMhCpJDRUy/cMx/spSlTSFeN6itEWhZb1"
    "QDAwCDp3bTDCWmrHqYjQhM4fWthYu8bJFnyDsTEmw2Q== ed25519@example\n";
/* A user's: without principals; with an unknown critical option and two extensions; with verify-required. */
static const char material_nobody[] =
    "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIOKlang00mQevQo"
    "Bdt7E/DFu/hYdjXp/8kp0hEyMxexeAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAABm5"
    "vYm9keQAAAAAAAAAAAAAAAP//////////AAAAAAAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWd"
    "lbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl"
    "0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgqbCp1JFLTvnnAs8XcixY0+GZtfC9QF+7OivGihZYemkAAAB"
    "TAAAAC3NzaC1lZDI1NTE5AAAAQNrJHo8a6GJTQsUOqLDbEAR52ovYHiJpkoNgmMo3l25uMC6tFDYiJZbCipG9/KqWjoRr3bGbCNr"
    "SCca1+wr6fQ0= ed25519@example\n";
static const char material_custom[] =
    "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIB8bJ3Nri8YXnAw"
    "bn4Gf2y6HIqfNviESgmVuLe2lTO3sAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAABmN"
    "1c3RvbQAAAAkAAAAFYWxpY2UAAAAAAAAAAP//////////AAAAHQAAAA5jdXN0b21AZXhhbXBsZQAAAAcAAAADeWVzAAAAtAAAAAx"
    "mbGFnQGV4YW1wbGUAAAAAAAAADWxvZ2luQGV4YW1wbGUAAAAJAAAABWFsaWNlAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAA"
    "AAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHk"
    "AAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIKmwqdSRS0755wLPF3IsWNPhmbXwvUB"
    "fuzorxooWWHppAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEA4Eb7t5+RNFByH5m4y+4FjnKblx5VawjhX45Gi6F/KSp8u4j+n4tTgfCd"
    "a20SMsM0TjMmWxY0XiaS1h+IHYw4E ed25519@example\n";
static const char material_verify[] =
    "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIIWuG7xkeCdmIQU"
    "XGCkvE+IMNHXXiGySrC9ndkDIPFdcAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAABnZ"
    "lcmlmeQAAAAkAAAAFYWxpY2UAAAAAAAAAAP//////////AAAAFwAAAA92ZXJpZnktcmVxdWlyZWQAAAAAAAAAggAAABVwZXJtaXQ"
    "tWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5"
    "nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACCpsKn"
    "UkUtO+ecCzxdyLFjT4Zm18L1AX7s6K8aKFlh6aQAAAFMAAAALc3NoLWVkMjU1MTkAAABA0DCGx5CS2IUbE86aTU0hpJLwPDtGP02"
    "768Lql7xRZ2BcLOzEQ33GIJoGHqjqNlsIx8ejYnALnaSLsgWLjLxiBA== ed25519@example\n";
/* A host's with a critical option. */
static const char material_host_critical[] =
    "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIFSxyGliliqCW2O"
    "7ZeJt0p6KBYpNb7HBC2OypO8kd7OOAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAACAAAACGh"
    "vc3Rjcml0AAAAEAAAAAxob3N0LmV4YW1wbGUAAAAAAAAAAP//////////AAAAHQAAAA5jdXN0b21AZXhhbXBsZQAAAAcAAAADeWV"
    "zAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIKmwqdSRS0755wLPF3IsWNPhmbXwvUBfuzorxooWWHppAAAAUwAAAAtzc2g"
    "tZWQyNTUxOQAAAEDcyOOyWiVGwqEFL+rSYs/H38hXaR3VprKQnVhU4ixtRdhRD0Rk+wDkWPrI5uBS7ZfHJfORQGyrubuG3FQfYFM"
    "G ed25519@example\n";

/* A user's, for alice, by each algorithm. The last is by SHA-1. */
static const struct {
    const char *authority;
    const char *certificate;
} material_by[] = {
    {material_ca_p256,
     "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIClaJWFtwHhV4+1"
     "L4T6E17YmW44PfS21nGnutyVBjC1QAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAAAmJ"
     "5AAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1"
     "pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5"
     "wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAaAAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQ1ondF9L9fuU7"
     "PMrMfKf3/nUv3kby8tAS0Q/uhHyYaN48Iynz6QWen00koq5nSVDVBnN8KQSLZw5sWZxwyutl/AAAAZAAAABNlY2RzYS1zaGEyLW5"
     "pc3RwMjU2AAAASQAAACAaxyU56eQFyhuPFlMupIHCMeaGa6WiLF+0CjpPpLWuEwAAACEAwiDOy5ni0fA2q3por7pC2FeauhZUok2"
     "eBi0ufizAEbc= ed25519@example\n"},
    {material_ca_p384,
     "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIBYggFiqGc+4ItU"
     "dHcYWWb7e4qghKnpIF1AX5D3D7TuVAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAAAmJ"
     "5AAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1"
     "pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5"
     "wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAiAAAABNlY2RzYS1zaGEyLW5pc3RwMzg0AAAACG5pc3RwMzg0AAAAYQTzDGLRd/qkbDZ"
     "rg7DYfB5/64/irEY/mdw0h/qOkFV5nf63osOgNLZNQO8FK8bZ7a8d1Ziuf1sxHI0MK4sdE5nSdouxPJmMNQyFVt0o+YeCfcRowbK"
     "feWRZuy5CakCyC3IAAACDAAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAABoAAAAMGTB7E1nq9bYs6kEsDAybEr0VKLoj8EAB1K9zTp"
     "dlicr00vehYd9vhEDZ/8nRTSDjAAAADB+/eE2J9CUCpHJiRjZmYibEmtvEm7zway67M07k1WRbhpBcYAY600dj41NESszesI= ed"
     "25519@example\n"},
    {material_ca_p521,
     "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIPrtYs18+KTph34"
     "iSfWWrPzxFwov1t0APgaHKMCBYlhFAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAAAmJ"
     "5AAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1"
     "pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5"
     "wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAArAAAABNlY2RzYS1zaGEyLW5pc3RwNTIxAAAACG5pc3RwNTIxAAAAhQQAtIa1hTdWZBV"
     "E/7hm6k+QJqa1ZFv2HnImA1xQb6jbt+lrh3H7Ai8LUyDh7DrM2QmuF6FfPXxzgsEB/agbpjgRjicAg+ppFkMTiICHcR28f8QVzRd"
     "iQRFX5IFse6RZd8P1xJrHgB1mMr7aOw8dSO06V4a4SlGBzoxnCDFys99SnCc4m8wAAACmAAAAE2VjZHNhLXNoYTItbmlzdHA1MjE"
     "AAACLAAAAQgEvcPu7KlKBUyIG2xuMJhG2sghKY4TH3FMvtA2MxAYztRv/eOxRPyo76gj7shN7N6t4zX2NHn1LjTp2lyoVKe/z5AA"
     "AAEFWvRxXXi1HQnBQOGqVSUP/MxrXhoWMv1WnxW9IxjNSp3hqun/JLc//+75lkGS6fl11lRhxVBdeTu9a3Z9qc4FlZA== ed2551"
     "9@example\n"},
    {material_ca_rsa,
     "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIPvVq0FYg+m/4+/"
     "gaPuoHnVowW76lmsX2qXpMPlJLQWNAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAAAmJ"
     "5AAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1"
     "pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5"
     "wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAABFwAAAAdzc2gtcnNhAAAAAwEAAQAAAQEA02LKYoTSq/YRiCmIc3gz07RqproiYwLVNgQ"
     "CLAktPhbLj4XhZOo3oMiTCUieYaeQ8e8JD2kUaw8nSH50ipDR8ygirtEo3HYp4st/KchKkUMOofJNbf8sa/KQJ3v8+KRS3QnOkDD"
     "Mnv7FwPTffxjSFelfzJbi4hSSiX/c2qOVfv9hawvgd+dxCWw8+f0yoESPT9A5W+9fGvwf3foN2v9sOWbHR1q2Ml1I5a/F5rQ/hv2"
     "uIvfTyKEcRrRYZRrrQIV4RtSAF0+3ohKPFngfDBHRFCD+kY9r75SMFrQMJ5yzap4pPOOiOyoO1Ym5WBOOb1rXoGLCfHZGXI8VCfu"
     "pTWD27wAAARQAAAAMcnNhLXNoYTItNTEyAAABAFb7ih4BuzheeSVJTkYHaan0wuUJgtrIfKTjxS3DK1sImO5uQrGABrB4VrfTOu5"
     "/CtuvwWnfPjU5R426tfo9qsPyi40V/MYfkHY5mI14WOHPSA9mr22IOgNDDvaxe7DtCFxa5fFifJ3KVC1j8Df+FVOt5bq6/4lyOKQ"
     "fluXixAMxb87GPtNhAtgKrsj8/lW1c43nw+MU/uiEuG8RI8ida52aU/xndhFhYuc5307EniseNWMUnp1/2K5+t4P0hjDfbxSIqir"
     "Oz6vI5RYcbOmT3QddYEiiSOZisR2Aj8zHnA3I0ZOB0T3FCkAF0FFssuP0zXJiEiZ0T3kPnNOI8w5/K3E= ed25519@example\n"},
    {material_ca_rsa,
     "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIKawjch4IuM0ZGH"
     "haZQFyF10Nb/Vj9l9K4JfNAVv639nAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAAAmJ"
     "5AAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1"
     "pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5"
     "wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAABFwAAAAdzc2gtcnNhAAAAAwEAAQAAAQEA02LKYoTSq/YRiCmIc3gz07RqproiYwLVNgQ"
     "CLAktPhbLj4XhZOo3oMiTCUieYaeQ8e8JD2kUaw8nSH50ipDR8ygirtEo3HYp4st/KchKkUMOofJNbf8sa/KQJ3v8+KRS3QnOkDD"
     "Mnv7FwPTffxjSFelfzJbi4hSSiX/c2qOVfv9hawvgd+dxCWw8+f0yoESPT9A5W+9fGvwf3foN2v9sOWbHR1q2Ml1I5a/F5rQ/hv2"
     "uIvfTyKEcRrRYZRrrQIV4RtSAF0+3ohKPFngfDBHRFCD+kY9r75SMFrQMJ5yzap4pPOOiOyoO1Ym5WBOOb1rXoGLCfHZGXI8VCfu"
     "pTWD27wAAARQAAAAMcnNhLXNoYTItMjU2AAABAFyzQDk67UF5a1t9uUn+nfK9NcpJXjb8QKk+eA97x+yVDWE9RZtMQe9NRaSeT2q"
     "z1KXcjQTyXl/5fzejse5eOldHKlhd1GH0uFpi5j8+fOKlxmx1uEaQCStNU9YzqxZrrX0gb1I7pEWYJTpYtPeAOdPEiKQMoQXQHjU"
     "IBS+wHxmCVAKXofFhbI1+Lzwrg6FUs19dTnZJN2C6AwTFq7z0ZHMfhh0ffHiez0TTVSkJh/yjP1v0oTtNB5/P4ZZ74iRXzciYo9/"
     "bpvWlIg3seWxbXgbsyxqR/Ywo9GVdFMuwuy6ZCumfZnoat7beK7w3ZZCbq97kngnt3NF5KJWSDCjtZ6I= ed25519@example\n"},
    {material_ca_rsa,
     "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIL5a5wq0gtoGjwR"
     "C0tgI0t5J4eHNeA1uiIghNWRkvc6wAAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4AAAAAAAAAAAAAAABAAAAAmJ"
     "5AAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1"
     "pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5"
     "wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAABFwAAAAdzc2gtcnNhAAAAAwEAAQAAAQEA02LKYoTSq/YRiCmIc3gz07RqproiYwLVNgQ"
     "CLAktPhbLj4XhZOo3oMiTCUieYaeQ8e8JD2kUaw8nSH50ipDR8ygirtEo3HYp4st/KchKkUMOofJNbf8sa/KQJ3v8+KRS3QnOkDD"
     "Mnv7FwPTffxjSFelfzJbi4hSSiX/c2qOVfv9hawvgd+dxCWw8+f0yoESPT9A5W+9fGvwf3foN2v9sOWbHR1q2Ml1I5a/F5rQ/hv2"
     "uIvfTyKEcRrRYZRrrQIV4RtSAF0+3ohKPFngfDBHRFCD+kY9r75SMFrQMJ5yzap4pPOOiOyoO1Ym5WBOOb1rXoGLCfHZGXI8VCfu"
     "pTWD27wAAAQ8AAAAHc3NoLXJzYQAAAQAjHHrTd30nrIRHnl33hkd1ul1rYf6t1K7Gl/PWVd9046AkeMUldQyS+2pKMP+FSpUT4wa"
     "MnQJkYUtigQ8k2tLoMFY3ZeziMZcKbejkPmnU27GPsvsN8ifeFc1gswTEa3rGK/upUi2SmKxENzPtLgJcYYy6s9OVNNCvHPq0ohu"
     "zP7Zdiy3xxrB+kSoO5qydfyNe1aUZ/zXoESOHofxeKFTbBusUWjQz448z0TXKVnq7lHiUF/F2D8yQNg1m9ZpsTRq2TvPQnEusT6R"
     "zVpgKkCdDqNykGPtTPmO0511WR4NkqAhm2fNzNdqiAKWLjE6Zi8vQb+lE9YIT/fEO7guBFle0 ed25519@example\n"},
};
#define MATERIAL_BY (sizeof material_by / sizeof material_by[0])

#endif
