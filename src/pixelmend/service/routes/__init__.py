"""What is answered where: pictures, jobs, the server itself, and the page."""
