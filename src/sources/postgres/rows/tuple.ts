/** The text of a value; undefined when it was stored out of line, did not change, and so was not sent. */
export type TupleValue = string | null | undefined;
export type Tuple = readonly TupleValue[];
