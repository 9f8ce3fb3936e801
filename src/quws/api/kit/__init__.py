"""What every room of HTTP needs: negotiation, bodies, refusals, bytes, links, sign-in."""
