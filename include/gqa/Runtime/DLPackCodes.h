/* Types of DLPack 1.1 that older headers, such as Debian's, do not have. */
#ifndef GQA_RUNTIME_DLPACKCODES_H
#define GQA_RUNTIME_DLPACKCODES_H

/* kDLFloat8_e4m3fn and kDLFloat8_e5m2 */
enum { GQA_DL_FLOAT8_E4M3FN = 10, GQA_DL_FLOAT8_E5M2 = 12 };

#endif
