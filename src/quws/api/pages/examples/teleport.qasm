OPENQASM 3.0;
include "stdgates.inc";

qubit message;
qubit[2] pair;
bit[2] sent;
bit received;

// The state to send: 1 in about 15 % of all shots.
ry(pi / 4) message;

h pair[0];
cx pair[0], pair[1];

cx message, pair[0];
h message;
sent[0] = measure message;
sent[1] = measure pair[0];

if (sent[1]) { x pair[1]; }
if (sent[0]) { z pair[1]; }
received = measure pair[1];
