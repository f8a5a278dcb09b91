FROM node:22-slim
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build
USER node
EXPOSE 8783
ENTRYPOINT ["node", "dist/esm/demo/main.js", "--host", "0.0.0.0"]
