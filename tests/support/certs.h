/* certs.h - certificates made on the fly, as PEM files in a directory of their own.
 * A failing step aborts the test program.
 */
#ifndef EH_TESTS_CERTS_H
#define EH_TESTS_CERTS_H

#define CERTS_PATH 128

/* A certificate authority, and what it and others signed. */
struct certs {
    char dir[64];
    char ca[CERTS_PATH];
    char cert[CERTS_PATH]; /* for localhost, 127.0.0.1 and ::1, signed by ca */
    char key[CERTS_PATH];
    char expired[CERTS_PATH];   /* the same and over */
    char second[CERTS_PATH];    /* as cert, another one for the same key */
    char nameless[CERTS_PATH];  /* the same without a common name */
    char other_ca[CERTS_PATH];  /* signed nothing of the above */
    char other_key[CERTS_PATH]; /* belongs to none of the certificates */
    char rsa_key[CERTS_PATH];   /* nor does this */
    char encrypted_key[CERTS_PATH];
    char junk[CERTS_PATH]; /* not PEM */
};

void certs_make(struct certs *c);
void certs_remove(struct certs *c);

#endif
