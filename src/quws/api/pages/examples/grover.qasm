OPENQASM 3.0;
include "stdgates.inc";

// Find 101 among the eight values of three bits.
gate oracle a, b, c {
  x b;
  h c;
  ccx a, b, c;
  h c;
  x b;
}

gate diffuse a, b, c {
  h a; h b; h c;
  x a; x b; x c;
  h c;
  ccx a, b, c;
  h c;
  x a; x b; x c;
  h a; h b; h c;
}

qubit[3] q;
bit[3] found;

h q;
for int round in [1:2] {
  oracle q[0], q[1], q[2];
  diffuse q[0], q[1], q[2];
}
found = measure q;
